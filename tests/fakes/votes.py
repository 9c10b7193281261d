"""Votes for tests: one at a time, by counts, or of a community with known tastes."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np

from data.statistics.markdown import MarkdownCounts
from data.statistics.votes import Contender, JudgedAnswer, Vote, VoteChoice

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
BASE = Contender("base")
TUNED = Contender("tuned", "lora-sha256:0123456789abcdef")
SPICY = Contender("spicy", "lora-sha256:fedcba9876543210")
FOURTH = Contender("fourth", "lora-sha256:4444444444444444")


def shown(contender: Contender, characters: int = 100, marks: int = 0, **more) -> JudgedAnswer:
    """An answer that no judge calls a disclaimer, with some bold passages."""
    told = {"disclaims": False, "markdown": MarkdownCounts(bold=marks), **more}
    return JudgedAnswer(contender=contender, characters=characters, **told)


def vote(
    choice: VoteChoice,
    a: Contender | JudgedAnswer = TUNED,
    b: Contender | JudgedAnswer = BASE,
    *,
    number: int = 0,
    person: str = "ann",
    comparison: str | None = None,
    prompt: str | None = None,
) -> Vote:
    """The `number`-th vote, a minute after the one before; a comparison and a prompt of its own."""
    return Vote(
        comparison_id=f"c{number}" if comparison is None else comparison,
        person_id=person,
        choice=choice,
        a=a if isinstance(a, JudgedAnswer) else shown(a),
        b=b if isinstance(b, JudgedAnswer) else shown(b),
        prompt_hash=f"p{number}" if prompt is None else prompt,
        at=BEGUN + timedelta(minutes=number),
    )


def won_by(winner: Contender, loser: Contender, *, number: int, person: str = "ann") -> Vote:
    """A vote for `winner`, which stands on the left every other time."""
    if number % 2:
        return vote(VoteChoice.B, loser, winner, number=number, person=person)
    return vote(VoteChoice.A, winner, loser, number=number, person=person)


def by_people(counts: Iterable[tuple[int, int]], candidate=TUNED, baseline=BASE) -> list[Vote]:
    """For each person, how many decisive votes the candidate won and lost; people take turns."""
    waiting = {
        f"person {n}": [candidate] * wins + [baseline] * losses
        for n, (wins, losses) in enumerate(counts)
    }
    votes: list[Vote] = []
    while any(waiting.values()):
        for person, left in waiting.items():
            if left:
                winner = left.pop(0)
                loser = baseline if winner == candidate else candidate
                votes.append(won_by(winner, loser, number=len(votes), person=person))
    return votes


def of_community(
    strengths: dict[Contender, float],
    votes: int,
    *,
    people: int = 12,
    seed: int = 0,
    side: float = 0.0,
    tie: float = 0.3,
) -> list[Vote]:
    """Votes by Davidson's model: strengths and the left side's advantage in logits."""
    rng = np.random.default_rng(seed)
    contenders = list(strengths)
    found: list[Vote] = []
    for number in range(votes):
        a, b = (contenders[n] for n in rng.permutation(len(contenders))[:2])
        lead = strengths[a] - strengths[b] + side
        weights = np.array([np.exp(lead / 2), np.exp(-lead / 2), tie])
        choice = (VoteChoice.A, VoteChoice.B, VoteChoice.TIE)[
            rng.choice(3, p=weights / sum(weights))
        ]
        person = f"person {rng.integers(people)}"
        found.append(vote(choice, a, b, number=number, person=person))
    return found
