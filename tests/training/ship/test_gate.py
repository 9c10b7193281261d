"""The gate goes by the stored plan and the votes about exactly this adapter."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data.statistics.gate.plan import GatePlan
from data.statistics.votes import Vote
from model.loading.manifest import AdapterManifest, read_manifest
from tests.fakes.tiny_model import make_whole_adapter
from tests.fakes.votes import BASE, BEGUN, TUNED, by_people
from training.errors import RegistryError
from training.ship.gate import Candidate, VoteGate

HASH = TUNED.adapter_hash or ""
PLAN = GatePlan(candidate=TUNED, baseline=BASE, made_at=BEGUN)


class Remembered:
    """Plans and votes in memory, as a store keeps them."""

    def __init__(self, plans: Sequence[GatePlan], votes: Sequence[Vote]) -> None:
        self._plans = {plan.candidate.adapter_hash: plan for plan in plans}
        self._votes = votes

    def plan(self, adapter_hash: str) -> GatePlan | None:
        return self._plans.get(adapter_hash)

    def votes(self, plan: GatePlan) -> Sequence[Vote]:
        pair = {plan.candidate, plan.baseline}
        return [vote for vote in self._votes if set(vote.pair) == pair]


@pytest.fixture(scope="module")
def manifest(base, tmp_path_factory) -> AdapterManifest:
    folder: Path = tmp_path_factory.mktemp("adapter") / "one"
    make_whole_adapter(base, folder)
    found = read_manifest(folder)
    assert found is not None
    return found


@pytest.fixture
def ruling(manifest):
    """What the gate says of an adapter with this hash, by these votes."""

    def ruling(votes: Sequence[Vote], served_hash=HASH, plans=(PLAN,)):
        candidate = Candidate("tuned", manifest, served_hash, None)
        return VoteGate(Remembered(plans, votes)).ruling(candidate)

    return ruling


def test_people_open_it(ruling):
    found = ruling(by_people([(9, 4)] * 10))
    assert found.refusal is None
    assert found.summary is not None
    assert "won 90 of 130 decisive votes (69%) of 10 people against base" in found.summary


def test_people_keep_it_shut(ruling):
    found = ruling(by_people([(2, 3)] * 5))
    assert "the e-value of 10 votes for and 15 against it" in found.refusal
    assert "5 people decided, at least 6 are needed" in found.refusal
    assert len(found.refusal.splitlines()) == 1


def test_another_hash_has_no_votes(ruling):
    found = ruling(by_people([(9, 4)] * 10), served_hash="lora-sha256:another")
    assert "no comparison with what answers now was planned" in found.refusal
    assert found.summary is None


def test_the_stored_plan_decides_about_caps(ruling):
    votes = by_people([(9, 4)] * 10)
    strict = replace(PLAN, person_cap=1)
    assert "the e-value of" in ruling(votes, plans=(strict,)).refusal


def test_votes_from_before_the_plan_do_not_open_it(ruling):
    late = replace(PLAN, made_at=datetime(2027, 1, 1, tzinfo=UTC))
    assert "nobody has compared" in ruling(by_people([(9, 4)] * 10), plans=(late,)).refusal


def test_votes_that_cannot_be_are_an_error_in_one_line(ruling):
    votes = by_people([(9, 4)] * 10)
    with pytest.raises(RegistryError, match="the votes about tuned") as refused:
        ruling([*votes, votes[0]])
    assert "two votes of one person" in str(refused.value)
