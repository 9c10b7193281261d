"""Style is held equal where the lengths allow it, and refused with a reason where not."""

from dataclasses import replace

import numpy as np
import pytest

from data.statistics.style import StyleControlled, StyleRefused, control_style, length_overlap
from data.statistics.votes import VoteChoice
from tests.fakes.votes import BASE, FOURTH, SPICY, TUNED, shown, vote


def styled(votes, *, strength=0.0, length=0.0, markdown=0.0, spread=0.6, seed=0, longer=1.3):
    """Votes of people who like TUNED by `strength`, and length and markdown by so many logits."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(votes):
        sizes = np.exp(rng.normal(5, spread, 2)) * (longer, 1) + 1
        marks = rng.integers(0, 4, 2)
        tuned = shown(TUNED, int(sizes[0]), int(marks[0]))
        base = shown(BASE, int(sizes[1]), int(marks[1]))
        lead = strength + length * relative(tuned.characters, base.characters)
        lead += markdown * relative(tuned.markdown.total, base.markdown.total)
        won = rng.random() < 1 / (1 + np.exp(-lead))
        one = vote(VoteChoice.A if won else VoteChoice.B, tuned, base, number=number,
                   person=f"p{rng.integers(12)}")  # fmt: skip
        found.append(one.mirrored if rng.random() < 0.5 else one)
    return found


def relative(one, other):
    return (one - other) / (one + other) if one + other else 0


def controlled(votes):
    found = control_style(votes, draws=300)
    assert isinstance(found, StyleControlled)
    return found


def effects(votes):
    found = controlled(votes)
    assert found.length is not None
    assert found.markdown is not None
    (duel,) = found.duels
    assert (duel.first, duel.second) == (BASE, TUNED)
    return duel.difference, found.length, found.markdown


def refused(votes):
    found = control_style(votes)
    assert isinstance(found, StyleRefused)
    return found.reason


def test_a_rater_who_loves_length_is_not_taken_for_strength():
    votes = styled(800, strength=0.0, length=4.0, longer=1.8, seed=2)
    plain = sum(v.winner == TUNED for v in votes) / len(votes)
    assert plain > 0.62
    difference, length, markdown = effects(votes)
    assert difference.low < 0 < difference.high
    assert length.low < 0.2 * 4.0 < length.high
    assert length.excludes_zero
    assert not markdown.excludes_zero


def test_strength_and_markdown_are_told_apart():
    votes = styled(800, strength=0.7, markdown=1.0, seed=1)
    difference, length, markdown = effects(votes)
    assert difference.low < -0.7 < difference.high < 0
    assert markdown.low < 1.0 < markdown.high
    assert not length.excludes_zero


def test_what_the_answers_do_not_differ_in_has_no_effect():
    votes = [replace(v, a=shown(v.a.contender, 50), b=shown(v.b.contender, 50)) for v in styled(60)]
    found = controlled(votes)
    assert (found.length, found.markdown) == (None, None)


def test_where_lengths_hardly_overlap_it_is_refused_with_the_reason():
    # As base and tuned of the demo model: about 900 and about 70 characters.
    reason = refused(styled(100, longer=0.08, spread=0.4))
    assert "the lengths of base and tuned (01234567) hardly overlap" in reason
    assert "at least 10% is needed" in reason


def test_few_votes_and_unconnected_variants_are_refused():
    assert "there are 29 votes" in refused(styled(29))
    votes = styled(40) + [vote(VoteChoice.A, SPICY, FOURTH, number=n) for n in range(40, 80)]
    assert "do not connect" in refused(votes)


@pytest.mark.parametrize(
    ("tuned", "base", "overlap"),
    [
        ([10, 20], [30, 40], 0.0),
        ([30, 40], [10, 20], 0.0),
        ([10, 20], [10, 20], 1.0),
        ([10, 30], [20, 40], 0.5),
        ([5, 5], [5, 5], 1.0),
    ],
)
def test_the_overlap_is_that_of_mann_and_whitney(tuned, base, overlap):
    votes = [
        vote(VoteChoice.A, shown(TUNED, one), shown(BASE, other), number=n)
        for n, (one, other) in enumerate(zip(tuned, base, strict=True))
    ]
    assert length_overlap(votes, TUNED, BASE) == pytest.approx(overlap)
    assert length_overlap(votes, BASE, TUNED) == pytest.approx(overlap)


def test_an_answer_that_many_voted_on_is_one_answer():
    votes = [vote(VoteChoice.A, shown(TUNED, 50), shown(BASE, 10), number=0)]
    votes.append(vote(VoteChoice.A, shown(TUNED, 5), shown(BASE, 10), number=1))
    again = [replace(votes[0], person_id=f"p{n}") for n in range(30)]
    assert length_overlap([*votes, *again], TUNED, BASE) == length_overlap(votes, TUNED, BASE)


def test_the_overlap_of_who_never_met_is_not_asked():
    with pytest.raises(ValueError, match="never compared"):
        length_overlap([vote(VoteChoice.A)], TUNED, SPICY)
