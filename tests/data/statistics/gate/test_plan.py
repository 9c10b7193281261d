"""A plan is fixed, stored and read back; what is about it is decided by hashes and by time."""

from dataclasses import FrozenInstanceError, replace
from datetime import datetime, timedelta

import pytest

from data.statistics.gate.plan import GatePlan
from data.statistics.votes import Contender, VoteChoice
from tests.fakes.votes import BASE, BEGUN, SPICY, TUNED, vote

PLAN = GatePlan(candidate=TUNED, baseline=BASE, made_at=BEGUN)


def test_it_comes_back_as_it_was_stored():
    plan = replace(PLAN, person_cap=7, prompt_cap=3, both_bad_limit=0.25, disclaimer_margin=0.05)
    assert GatePlan.from_json(plan.as_json()) == plan


def test_it_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        setattr(PLAN, "person_cap", 100)  # noqa: B010


def test_the_defaults_are_the_caps_of_the_rule():
    assert (PLAN.person_cap, PLAN.prompt_cap) == (20, 10)


def test_only_votes_about_these_two_adapters_since_the_plan_are_about_it():
    other_adapter = Contender("tuned", "lora-sha256:another")
    assert PLAN.is_about(vote(VoteChoice.A, TUNED, BASE))
    assert PLAN.is_about(vote(VoteChoice.TIE, BASE, TUNED))
    assert not PLAN.is_about(vote(VoteChoice.A, other_adapter, BASE))
    assert not PLAN.is_about(vote(VoteChoice.A, TUNED, SPICY))
    assert not PLAN.is_about(replace(vote(VoteChoice.A), at=BEGUN - timedelta(seconds=1)))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"baseline": TUNED}, "cannot be compared with itself"),
        ({"made_at": datetime(2026, 1, 1)}, "no time zone"),
        ({"test": "by-hand-1"}, "test is 'by-hand-1': this version knows beta10-person-means-1"),
        ({"person_cap": 0}, "person_cap is 0: at least 1"),
        ({"prompt_cap": -3}, "prompt_cap is -3: at least 1"),
        ({"both_bad_limit": 0.0}, "both_bad_limit is 0.0: above 0 and up to 1"),
        ({"disclaimer_margin": 1.5}, "disclaimer_margin is 1.5: above 0 and up to 1"),
    ],
)
def test_what_no_plan_can_be_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        replace(PLAN, **wrong)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the text: Invalid JSON"),
        ("{}", "candidate: Field required"),
        (PLAN.as_json().replace('"person_cap":20', '"person_cap":"many"'), "person_cap: "),
        (PLAN.as_json().replace('"person_cap":20', '"person_cap":0'), "at least 1 is allowed"),
        (PLAN.as_json()[:-1] + ',"more":1}', "more: "),
        (PLAN.as_json().replace("means-1", "means-2"), "this version knows"),
    ],
)
def test_a_stored_text_that_is_no_plan_is_refused_in_one_line(text, said):
    with pytest.raises(ValueError, match="this is no plan of a gate: ") as refused:
        GatePlan.from_json(text)
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
