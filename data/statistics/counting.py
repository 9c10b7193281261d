"""Which votes count: without flawed answers, and with caps on what one person or prompt can do."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from data.statistics.votes import AnswerFlaw, Contender, Vote, in_time

PERSON_CAP = 20
PROMPT_CAP = 10


@dataclass(frozen=True, slots=True)
class FlawCount:
    """How many answers of a contender had a flaw, so that their votes were left out."""

    contender: Contender
    flaw: AnswerFlaw
    answers: int


@dataclass(frozen=True, slots=True)
class CountedVotes:
    """The votes that count, in time, and how many were left out for which reason.

    `flawed` are votes about a pair with a flawed answer; `flaws` counts those answers, each once.
    """

    votes: tuple[Vote, ...]
    flawed: int = 0
    flaws: tuple[FlawCount, ...] = ()
    over_person_cap: int = 0
    over_prompt_cap: int = 0


def count_votes(
    votes: Iterable[Vote],
    *,
    person_cap: int | None = PERSON_CAP,
    prompt_cap: int | None = PROMPT_CAP,
) -> CountedVotes:
    """Return the votes that count. The caps hold for each two contenders; None is no cap.

    Of one person the first `person_cap` votes count, whatever they say, and of those about one
    prompt, by everybody, the first `prompt_cap`. So whether a vote counts is settled before it is
    made, which the gate's test relies on. Raises ValueError for a cap below 1 or if a person voted
    twice in one comparison.
    """
    if min(person_cap or 1, prompt_cap or 1) < 1 or 0 in (person_cap, prompt_cap):
        raise ValueError("a cap on votes is at least 1")
    counted: list[Vote] = []
    flawed: list[Vote] = []
    of_person: Counter[object] = Counter()
    of_prompt: Counter[object] = Counter()
    over_person = over_prompt = 0
    for vote in in_time(votes):
        if vote.a.flaw or vote.b.flaw:
            flawed.append(vote)
            continue
        person, prompt = (vote.pair, vote.person_id), (vote.pair, vote.prompt_hash)
        if person_cap is not None and of_person[person] >= person_cap:
            over_person += 1
            continue
        of_person[person] += 1
        if prompt_cap is not None and of_prompt[prompt] >= prompt_cap:
            over_prompt += 1
            continue
        of_prompt[prompt] += 1
        counted.append(vote)
    return CountedVotes(tuple(counted), len(flawed), _flaws(flawed), over_person, over_prompt)


def _flaws(votes: Iterable[Vote]) -> tuple[FlawCount, ...]:
    found: set[tuple[str, Contender, AnswerFlaw]] = set()
    for vote in votes:
        for answer in (vote.a, vote.b):
            if answer.flaw is not None:
                found.add((vote.comparison_id, answer.contender, answer.flaw))
    tally = Counter((contender, flaw) for _, contender, flaw in found)
    ordered = sorted(tally, key=lambda key: (key[0].order, key[1]))
    return tuple(FlawCount(*key, tally[key]) for key in ordered)
