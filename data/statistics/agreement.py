"""Whether people who saw the same two answers agree: in percent, and beyond chance."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from data.statistics.votes import Vote


@dataclass(frozen=True, slots=True)
class Agreement:
    """How much people agree on comparisons that at least two of them voted in.

    `share` is how often two people's votes on one comparison are the same, from 0 to 1. `alpha` is
    Krippendorff's alpha: 1 is full agreement, 0 is what chance would give, less is worse than
    chance. Both are None where nobody can agree; alpha also where all votes are the same.
    """

    comparisons: int
    votes: int
    share: float | None
    alpha: float | None


def agreement(votes: Iterable[Vote]) -> Agreement:
    """Return the agreement of votes, coded by the side that was chosen.

    Coded by variant, alpha would be near 0 wherever one variant is liked much better: chance alone
    then predicts that two people name it. The sides are drawn for each comparison, so naming the
    same side is agreement about these two answers.
    """
    units: defaultdict[str, list[str]] = defaultdict(list)
    for vote in votes:
        units[vote.comparison_id].append(vote.choice.value)
    several = [unit for unit in units.values() if len(unit) > 1]
    return Agreement(
        comparisons=len(several),
        votes=sum(map(len, several)),
        share=percent_agreement(several),
        alpha=krippendorff_alpha(several),
    )


def percent_agreement(units: Iterable[Sequence[Hashable]]) -> float | None:
    """The share of pairs of values of one unit that are equal; None if there is no such pair."""
    same = pairs = 0
    for unit in units:
        pairs += len(unit) * (len(unit) - 1)
        same += sum(count * (count - 1) for count in Counter(unit).values())
    return same / pairs if pairs else None


def krippendorff_alpha(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Return Krippendorff's alpha for nominal values.

    Each unit is what its observers said, in any order; units with fewer than two values do not
    count. None where there is no unit, or all values are the same, so that nothing is expected.

    K. Krippendorff, Computing Krippendorff's alpha-reliability, 2011: 1 - observed / expected
    disagreement, each unit weighted by how many values it has.
    """
    totals: Counter[Hashable] = Counter()
    equal = 0.0
    for unit in units:
        if len(unit) < 2:
            continue
        own = Counter(unit)
        totals.update(own)
        equal += sum(count * (count - 1) for count in own.values()) / (len(unit) - 1)
    number = sum(totals.values())
    by_chance = sum(count * (count - 1) for count in totals.values())
    if number * (number - 1) == by_chance:
        return None
    observed, expected = 1 - equal / number, 1 - by_chance / (number * (number - 1))
    return 1 - observed / expected
