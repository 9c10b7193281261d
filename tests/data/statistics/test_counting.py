"""Flawed answers are left out and counted; caps hold what one person or one prompt can do."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.statistics.counting import FlawCount, count_votes
from data.statistics.votes import AnswerFlaw, VoteChoice
from tests.fakes.votes import BASE, SPICY, TUNED, shown, vote

CASTS = st.lists(
    st.tuples(
        st.sampled_from(list(VoteChoice)),
        st.sampled_from(["ann", "bob", "cy"]),
        st.sampled_from(["why", "how", "who"]),
        st.sampled_from([(TUNED, BASE), (BASE, TUNED), (SPICY, BASE)]),
    ),
    max_size=40,
)


def cast(rows):
    return [
        vote(choice, a, b, number=n, person=person, prompt=prompt)
        for n, (choice, person, prompt, (a, b)) in enumerate(rows)
    ]


def test_one_person_counts_up_to_the_cap_for_each_two_contenders():
    votes = [vote(VoteChoice.A, number=n) for n in range(25)]
    votes += [vote(VoteChoice.A, SPICY, BASE, number=n) for n in range(25, 30)]
    counted = count_votes(votes)
    assert [v.at for v in counted.votes] == [v.at for v in (*votes[:20], *votes[25:])]
    assert counted.over_person_cap == 5


def test_sixty_copies_of_one_prompt_count_as_ten():
    votes = [vote(VoteChoice.A, number=n, person=f"p{n}", prompt="same") for n in range(60)]
    counted = count_votes(votes)
    assert len(counted.votes) == 10
    assert counted.over_prompt_cap == 50


def test_ties_use_up_the_cap_as_well():
    votes = [vote(VoteChoice.TIE, number=n) for n in range(20)]
    votes.append(vote(VoteChoice.A, number=20))
    assert not any(v.choice.is_decisive for v in count_votes(votes).votes)


@pytest.mark.parametrize("flaw", list(AnswerFlaw))
def test_a_flawed_answer_is_left_out_and_counted_once(flaw):
    bad = shown(BASE, flaw=flaw)
    votes = [
        vote(VoteChoice.A, TUNED, bad, number=0, person=person, comparison="one")
        for person in ("ann", "bob")
    ]
    votes.append(vote(VoteChoice.A, number=1))
    counted = count_votes(votes)
    assert counted.votes == (votes[-1],)
    assert counted.flawed == 2
    assert counted.flaws == (FlawCount(BASE, flaw, 1),)


@pytest.mark.parametrize("cap", [{"person_cap": 0}, {"prompt_cap": 0}, {"person_cap": -1}])
def test_a_cap_is_at_least_one(cap):
    with pytest.raises(ValueError, match="at least 1"):
        count_votes([], **cap)


@given(CASTS, st.integers(1, 6), st.integers(1, 6), st.randoms())
def test_caps_only_take_away_and_hold(rows, person_cap, prompt_cap, random):
    votes = cast(rows)
    counted = count_votes(votes, person_cap=person_cap, prompt_cap=prompt_cap)
    assert set(counted.votes) <= set(votes)
    assert len(counted.votes) + counted.over_person_cap + counted.over_prompt_cap == len(votes)
    people = Counter((v.pair, v.person_id) for v in counted.votes)
    prompts = Counter((v.pair, v.prompt_hash) for v in counted.votes)
    assert max(people.values(), default=0) <= person_cap
    assert max(prompts.values(), default=0) <= prompt_cap
    shuffled = random.sample(votes, len(votes))
    assert count_votes(shuffled, person_cap=person_cap, prompt_cap=prompt_cap) == counted
    assert count_votes(votes, person_cap=None, prompt_cap=None).votes == tuple(votes)


@given(CASTS, st.integers(1, 6), st.integers(1, 6), st.integers(0, 40))
def test_whether_a_vote_counts_is_settled_by_those_before_it(rows, person_cap, prompt_cap, cut):
    caps = {"person_cap": person_cap, "prompt_cap": prompt_cap}
    votes = cast(rows)
    early = count_votes(votes[:cut], **caps).votes
    assert count_votes(votes, **caps).votes[: len(early)] == early
