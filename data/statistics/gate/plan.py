"""What the gate will do, fixed before the first vote, so that nobody chooses it by the outcome."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from pydantic import ConfigDict, TypeAdapter, ValidationError

from data.statistics.counting import PERSON_CAP, PROMPT_CAP
from data.statistics.votes import Contender, Vote

TEST = "beta10-person-means-1"
"""The name of the test in `rule` and `guards`. Another test gets another name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePlan:
    """A comparison that shall decide whether the candidate answers instead of the baseline.

    Only votes about exactly these two count, made at `made_at` or later: a candidate with another
    adapter needs a plan of its own and begins without votes. Of one person `person_cap` votes
    count, of those about one prompt `prompt_cap`. `both_bad_limit` is the share of votes that may
    call both answers bad, `disclaimer_margin` the share by which the candidate may disclaim more
    often than the baseline. Raises ValueError, which names what is allowed.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    candidate: Contender
    baseline: Contender
    made_at: datetime
    test: str = TEST
    person_cap: int = PERSON_CAP
    prompt_cap: int = PROMPT_CAP
    both_bad_limit: float = 0.5
    disclaimer_margin: float = 0.1

    def __post_init__(self) -> None:
        if self.candidate == self.baseline:
            raise ValueError(f"{self.candidate} cannot be compared with itself")
        if self.made_at.tzinfo is None:
            raise ValueError("made_at has no time zone")
        if self.test != TEST:
            raise ValueError(f"test is {self.test!r}: this version knows {TEST}")
        for name, cap in (("person_cap", self.person_cap), ("prompt_cap", self.prompt_cap)):
            if cap < 1:
                raise ValueError(f"{name} is {cap}: at least 1 is allowed")
        for name in ("both_bad_limit", "disclaimer_margin"):
            if not 0 < (share := getattr(self, name)) <= 1:
                raise ValueError(f"{name} is {share}: above 0 and up to 1 is allowed")

    def is_about(self, vote: Vote) -> bool:
        """Whether a vote is about this comparison and was not made before it was planned."""
        return vote.pair == frozenset((self.candidate, self.baseline)) and vote.at >= self.made_at

    def as_json(self) -> str:
        """The plan as text, to be stored."""
        return _PLANS.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "GatePlan":
        """The plan of a stored text. Raises ValueError if it is none, or has an unknown test."""
        try:
            return _PLANS.validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the text"
            raise ValueError(f"this is no plan of a gate: {place}: {first['msg']}") from error


_PLANS = TypeAdapter(GatePlan)


class VoteReader(Protocol):
    """Whoever remembers plans and votes."""

    def plan(self, adapter_hash: str) -> GatePlan | None:
        """The plan whose candidate has this hash, as answers have it; None if there is none.

        An adapter has one plan: the first that was stored for it, before its first vote.
        """
        ...

    def votes(self, plan: GatePlan) -> Sequence[Vote]:
        """All votes about the plan's two contenders whose comparison is closed.

        Nothing is left out for other reasons: the gate counts for itself. Whether an answer is a
        disclaimer is filled in.
        """
        ...
