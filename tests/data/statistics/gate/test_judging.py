"""From votes to a verdict: who passes, who does not, and what is said about it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.statistics.gate.e_process import log_e, log_e_path
from data.statistics.gate.judging import judge
from data.statistics.gate.plan import GatePlan
from data.statistics.gate.votes_needed import votes_still_needed
from data.statistics.votes import AnswerFlaw, Contender, VoteChoice
from tests.fakes.votes import BASE, BEGUN, TUNED, by_people, shown, vote

PAGE = Path(__file__).resolve().parents[4] / "docs" / "evaluation.md"
PLAN = GatePlan(candidate=TUNED, baseline=BASE, made_at=BEGUN)


def said(votes, plan=PLAN):
    """All that the gate has against it."""
    return "\n".join(judge(plan, votes).refusals)


def random_votes(votes, chance=0.5, people=20, seed=0):
    rng = np.random.default_rng(seed)
    who = rng.integers(people, size=votes)
    won = rng.random(votes) < chance
    counts = [(int(won[who == n].sum()), int((~won[who == n]).sum())) for n in range(people)]
    return by_people(counts)


def test_people_who_like_it_promote_it():
    found = judge(PLAN, by_people([(9, 4)] * 10))
    assert found.passed
    assert found.refusals == ()
    assert (found.wins, found.losses, found.decisive, found.people.people) == (90, 40, 130, 10)
    assert found.log_e == log_e(90, 40)
    assert found.needed == 0
    assert not found.prefers_baseline
    assert found.summary == (
        "tuned (01234567) won 90 of 130 decisive votes (69%) of 10 people against base"
    )


def test_random_votes_do_not():
    assert "the e-value of" in said(random_votes(400))


def test_flipped_votes_say_that_the_baseline_is_preferred():
    votes = [replace(v, choice=v.choice.mirrored) for v in by_people([(9, 4)] * 10)]
    found = judge(PLAN, votes)
    assert not found.passed
    assert found.prefers_baseline
    assert found.needed is None
    assert "so far nothing points to it" in said(votes)


def test_one_heavy_rater_does_not():
    votes = by_people([(300, 0), *[(2, 2)] * 9])
    found = judge(PLAN, votes)
    assert found.wins == 38
    assert found.counted.over_person_cap == 280
    assert "people's own shares are" in said(votes)


def test_sixty_copies_of_one_prompt_do_not():
    votes = [replace(v, prompt_hash="same") for v in by_people([(6, 0)] * 10)]
    found = judge(PLAN, votes)
    assert found.wins == 10
    assert found.counted.over_prompt_cap == 50
    assert "the e-value of 10 votes for and 0 against it is" in said(votes)


def test_five_people_do_not():
    assert said(by_people([(20, 1)] * 5)) == "5 people decided, at least 6 are needed"


def test_what_rests_on_one_person_does_not():
    assert said(by_people([(20, 0), *[(6, 4)] * 7])) == (
        "without one person the result would not stand"
    )


def test_an_undecided_comparison_says_how_many_votes_are_needed():
    votes = by_people([(5, 3)] * 8)
    found = judge(PLAN, votes)
    assert found.needed == votes_still_needed(40, 24)
    assert f"about {found.needed} more decisive votes would likely decide" in said(votes)


def test_the_page_shows_real_lines():
    page = PAGE.read_text(encoding="utf-8")
    for line in judge(PLAN, by_people([(8, 6)] * 5)).refusals:
        assert f"{line}\n" in page


def test_two_bad_answers_do_not_promote_the_better_one():
    votes = by_people([(9, 4)] * 10)
    bad = [
        vote(VoteChoice.BOTH_BAD, number=1000 + n, person=f"person {n % 10}") for n in range(200)
    ]
    roomy = replace(PLAN, person_cap=40)
    found = judge(roomy, [*votes, *bad])
    assert (found.both_bad, found.decisive) == (200, 130)
    assert said([*votes, *bad], roomy).startswith("both answers are called bad in 61% of the votes")


def test_an_adapter_that_disclaims_more_is_not_promoted():
    votes = [
        replace(v, **{side: replace(getattr(v, side), disclaims=n % 4 == 0)})
        for n, v in enumerate(by_people([(9, 4)] * 10))
        for side in ("a" if v.a.contender == TUNED else "b",)
    ]
    assert said(votes).startswith("in 130 comparisons the candidate alone disclaims 33 times")


def test_ties_are_counted_and_decide_nothing():
    votes = by_people([(9, 4)] * 10)
    ties = [vote(VoteChoice.TIE, number=1000 + n, person=f"person {n % 10}") for n in range(50)]
    found = judge(PLAN, [*votes, *ties])
    assert found.ties == 50
    assert found.log_e == log_e(90, 40)
    assert found.passed


def test_a_new_adapter_hash_starts_anew():
    other = Contender("tuned", "lora-sha256:the-next-one")
    found = judge(replace(PLAN, candidate=other), by_people([(9, 4)] * 10))
    assert found.refusals == ("nobody has compared tuned (the-next) with base yet",)
    assert found.of_others == 130
    assert found.summary == "tuned (the-next) against base: no decisive vote yet"


def test_votes_from_before_the_plan_do_not_count():
    late = replace(PLAN, made_at=BEGUN + timedelta(minutes=65))
    found = judge(late, by_people([(9, 4)] * 10))
    assert found.decisive == 65
    assert found.of_others == 65


def test_flawed_answers_are_left_out_and_reported():
    failed = shown(TUNED, flaw=AnswerFlaw.FAILED)
    votes = [*by_people([(9, 4)] * 10), vote(VoteChoice.B, failed, BASE, number=999)]
    found = judge(PLAN, votes)
    assert found.passed
    assert [(one.contender, one.answers) for one in found.counted.flaws] == [(TUNED, 1)]


def test_the_path_is_the_e_value_after_each_vote_in_time():
    votes = by_people([(3, 2)] * 4)
    found = judge(PLAN, reversed(votes))
    assert list(found.path) == log_e_path(v.winner == TUNED for v in votes)
    assert found.path[-1] == found.log_e


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 40), st.floats(0.4, 0.9), st.randoms())
def test_neither_order_nor_names_nor_sides_matter(seed, chance, random):
    votes = random_votes(150, chance, people=9, seed=seed)
    found = judge(PLAN, votes)
    assert judge(PLAN, random.sample(votes, len(votes))) == found
    assert judge(PLAN, [v.mirrored for v in votes]) == replace(
        found, counted=replace(found.counted, votes=tuple(v.mirrored for v in found.counted.votes))
    )
    renamed = [replace(v, person_id=v.person_id[::-1]) for v in votes]
    assert judge(PLAN, renamed).refusals == found.refusals


def test_two_votes_of_one_person_in_one_comparison_are_refused():
    one = vote(VoteChoice.A, TUNED, BASE)
    with pytest.raises(ValueError, match="two votes of one person"):
        judge(PLAN, [one, replace(one, choice=VoteChoice.B)])
