"""What the statistics take: votes of people who saw two answers without knowing whose they are.

A vote enters the statistics when its comparison is closed, that is, after the reveal. Until then it
may change, and a test that has seen it would have seen something that is not so.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from data.statistics.markdown import MarkdownCounts


class VoteChoice(StrEnum):
    """What a person can say about the answers A and B of a comparison."""

    A = "a"
    B = "b"
    TIE = "tie"
    BOTH_BAD = "both_bad"

    @property
    def is_decisive(self) -> bool:
        """Whether one of the answers won."""
        return self in (VoteChoice.A, VoteChoice.B)

    @property
    def mirrored(self) -> "VoteChoice":
        """The same choice with the sides swapped."""
        return {VoteChoice.A: VoteChoice.B, VoteChoice.B: VoteChoice.A}.get(self, self)


class AnswerFlaw(StrEnum):
    """Why an answer's votes are left out. Being cut at MAX_TOKENS is no reason.

    Most long answers are cut, and leaving them out would favour the variant that says little.
    """

    FAILED = "failed"
    STOPPED = "stopped"
    NAMES_ITSELF = "names its own variant"


@dataclass(frozen=True, slots=True)
class Contender:
    """What is compared: a variant as it was with this adapter.

    `adapter_hash` is the hash that stored answers have, None for a variant without an adapter. A
    variant with another adapter is another contender, whose votes begin anew.
    """

    variant: str
    adapter_hash: str | None = None

    @property
    def order(self) -> tuple[str, str]:
        """A key to sort contenders by."""
        return self.variant, self.adapter_hash or ""

    def __str__(self) -> str:
        # The hash may have the name of its kind before a colon.
        digest = (self.adapter_hash or "").rpartition(":")[2][:8]
        return f"{self.variant} ({digest})" if digest else self.variant


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedAnswer:
    """One of the two answers that a vote is about.

    `characters` and `tokens` are its length as people saw it; tokens are None where the worker
    did not count them. `disclaims` says whether it is a disclaimer ("as an AI ..."), None where no
    judge has read it.
    """

    contender: Contender
    characters: int
    tokens: int | None = None
    markdown: MarkdownCounts = field(default_factory=MarkdownCounts)
    flaw: AnswerFlaw | None = None
    disclaims: bool | None = None

    def __post_init__(self) -> None:
        if self.characters < 0 or (self.tokens or 0) < 0:
            raise ValueError(f"an answer cannot have a negative length: {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One person's choice between answer A, on the left, and answer B, on the right.

    `person_id` is any text that stands for one person and nobody else. `prompt_hash` is equal for
    prompts that read the same. `at` is when the choice was made last; it has a time zone. There
    is one vote for each person and comparison. Raises ValueError for two answers of one contender.
    """

    comparison_id: str
    person_id: str
    choice: VoteChoice
    a: JudgedAnswer
    b: JudgedAnswer
    prompt_hash: str
    at: datetime

    def __post_init__(self) -> None:
        if self.a.contender == self.b.contender:
            raise ValueError(f"comparison {self.comparison_id}: {self.a.contender} against itself")
        if self.at.tzinfo is None:
            raise ValueError(f"comparison {self.comparison_id}: the time of a vote has no zone")

    @property
    def contenders(self) -> tuple[Contender, Contender]:
        """Both contenders, A's first."""
        return self.a.contender, self.b.contender

    @property
    def pair(self) -> frozenset[Contender]:
        """Both contenders, whichever side they stood on."""
        return frozenset(self.contenders)

    @property
    def winner(self) -> Contender | None:
        """Who won; None for a tie and for both bad."""
        if self.choice is VoteChoice.A:
            return self.a.contender
        return self.b.contender if self.choice is VoteChoice.B else None

    @property
    def mirrored(self) -> "Vote":
        """The same vote as if A had stood on the right and B on the left."""
        return replace(self, a=self.b, b=self.a, choice=self.choice.mirrored)


def in_time(votes: Iterable[Vote]) -> list[Vote]:
    """The votes in the order in which they were made, whatever order they come in.

    Raises ValueError if a person has two votes in one comparison.
    """
    ordered = sorted(votes, key=lambda vote: (vote.at, vote.comparison_id, vote.person_id))
    seen: set[tuple[str, str]] = set()
    for vote in ordered:
        if (key := (vote.comparison_id, vote.person_id)) in seen:
            raise ValueError(f"comparison {vote.comparison_id} has two votes of one person")
        seen.add(key)
    return ordered
