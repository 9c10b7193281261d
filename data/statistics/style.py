"""The standing with length and markdown held equal, where the votes allow it.

What people like may be the length of an answer, or its lists and headings. The model gets a column
for each, so that strengths say what is left (style control, as T. Li, A. Angelopoulos and W.-L.
Chiang did it for Chatbot Arena, 2024). That needs answers of both variants at like lengths: where
one variant is always the longer one, its length and its strength cannot be told apart.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from data.statistics.board import Duel, compare
from data.statistics.bradley_terry import Array
from data.statistics.people import DRAWS, BoundedEstimate, fit_table
from data.statistics.tabulating import connected_groups, tabulate
from data.statistics.votes import Contender, JudgedAnswer, Vote

LEAST_OVERLAP = 0.1
FEWEST_VOTES = 30


@dataclass(frozen=True, slots=True)
class StyleRefused:
    """Why style cannot be controlled for, in one line."""

    reason: str


@dataclass(frozen=True, slots=True)
class StyleControlled:
    """Each two contenders with style held equal, and what style itself is worth.

    `length` is what it adds, in logits, to be half as long again as the other answer; `markdown`
    to have markdown where the other has none. None where the answers do not differ in it.
    """

    duels: tuple[Duel, ...]
    length: BoundedEstimate | None
    markdown: BoundedEstimate | None


def control_style(
    votes: Iterable[Vote], *, draws: int = DRAWS, seed: int = 0
) -> StyleControlled | StyleRefused:
    """Compare the contenders with length and markdown as covariates.

    Covariates are (a - b) / (a + b) of the two answers' characters, and of their counts of
    markdown. Refused if there are fewer than 30 votes, if votes do not connect all contenders, or
    if the lengths of two that were compared hardly overlap (`length_overlap` under 0.1).
    """
    votes = list(votes)
    if (reason := _refusal(votes)) is not None:
        return StyleRefused(reason)
    covariates = np.array([_covariates(vote) for vote in votes])
    kept = [bool(np.ptp(covariates[:, column]) > 0) for column in range(2)]
    table = tabulate(votes, covariates[:, kept])
    fit = fit_table(table, draws, seed)
    number = len(table.contenders)
    # Half as long again is (1.5 - 1) / (1.5 + 1) = 0.2; some against none is 1.
    weights = [weight for weight, there in zip((0.2, 1.0), kept, strict=True) if there]
    effects = iter(fit.bounded(_unit(fit.whole, number + n) * w) for n, w in enumerate(weights))
    length, markdown = (next(effects) if there else None for there in kept)
    return StyleControlled(tuple(compare(table.contenders, fit, votes)), length, markdown)


def length_overlap(votes: Iterable[Vote], first: Contender, second: Contender) -> float:
    """How much the lengths of two contenders' answers overlap, from 0 to 1.

    It is the chance that the usually shorter one's answer to some prompt is longer than the other's
    answer to any, doubled: 1 if both are as long, 0 if each answer of one is longer than each of
    the other (from the statistic of H. B. Mann and D. R. Whitney, 1947). Raises ValueError if the
    two were never compared.
    """
    lengths: dict[Contender, dict[str, int]] = {first: {}, second: {}}
    for vote in votes:
        if vote.pair == frozenset((first, second)):
            for answer in (vote.a, vote.b):
                lengths[answer.contender][vote.comparison_id] = answer.characters
    one, other = (np.array(list(lengths[each].values())) for each in (first, second))
    if not len(one):
        raise ValueError(f"{first} and {second} were never compared")
    gap = one[:, None] - other[None, :]
    longer = float((gap > 0).mean() + (gap == 0).mean() / 2)
    return 2 * min(longer, 1 - longer)


def _refusal(votes: Sequence[Vote]) -> str | None:
    if len(votes) < FEWEST_VOTES:
        return f"there are {len(votes)} votes, and style control needs at least {FEWEST_VOTES}"
    if len(connected_groups(votes)) > 1:
        return "the votes do not connect all variants: control the style of each group by itself"
    for pair in sorted({tuple(sorted(v.pair, key=lambda c: c.order)) for v in votes}, key=str):
        first, second = pair
        if (overlap := length_overlap(votes, first, second)) < LEAST_OVERLAP:
            return (
                f"the lengths of {first} and {second} hardly overlap ({overlap:.0%}, at least "
                f"{LEAST_OVERLAP:.0%} is needed): nobody can say what a long answer of the shorter "
                "one would have got"
            )
    return None


def _covariates(vote: Vote) -> tuple[float, float]:
    def marks(answer: JudgedAnswer) -> int:
        return answer.markdown.total

    return (
        _relative(vote.a.characters, vote.b.characters),
        _relative(marks(vote.a), marks(vote.b)),
    )


def _relative(a: int, b: int) -> float:
    return (a - b) / (a + b) if a + b else 0.0


def _unit(like: Array, column: int) -> Array:
    unit = np.zeros_like(like)
    unit[column] = 1.0
    return unit
