"""What the store takes and gives: requests, answers, ratings."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Self

Scope = Literal["global", "conversation", "user", "channel", "guild"]


class RequestState(StrEnum):
    """Where a request stands; it reaches exactly one final state, once."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    EXPIRED = "expired"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing may change the request any more."""
        return self not in (RequestState.WAITING, RequestState.RUNNING)


AnsweredState = Literal[RequestState.FINISHED, RequestState.STOPPED]
UnansweredState = Literal[RequestState.STOPPED, RequestState.EXPIRED, RequestState.FAILED]


class RatingKind(StrEnum):
    """What a person can say about an answer."""

    GOOD = "good"
    BAD = "bad"
    FUNNY = "funny"
    ROBOTIC = "robotic"

    @property
    def emoji(self) -> str:
        """The reaction that stands for it."""
        return _EMOJI[self]

    @property
    def excludes(self) -> "RatingKind | None":
        """The kind that the same person cannot hold on the same answer."""
        return _EXCLUDES.get(self)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name or an emoji, in any skin tone; raise ValueError naming what is allowed."""
        plain = plain_emoji(text).strip().lower()
        for kind in cls:
            if plain in (kind.value, kind.emoji):
                return kind
        allowed = ", ".join(f"{kind.emoji} {kind}" for kind in cls)
        raise ValueError(f"no rating is called {text[:40]!r}; there are {allowed}")


def plain_emoji(text: str) -> str:
    """Give an emoji without its skin tone and without the marks that choose its drawing."""
    return text.translate(_EMOJI_MODIFIERS)


_EMOJI = {
    RatingKind.GOOD: "👍",
    RatingKind.BAD: "👎",
    RatingKind.FUNNY: "😂",
    RatingKind.ROBOTIC: "🤖",
}
_EXCLUDES = {RatingKind.GOOD: RatingKind.BAD, RatingKind.BAD: RatingKind.GOOD}
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_VARIATION_SELECTORS = (0xFE0E, 0xFE0F)
_EMOJI_MODIFIERS = dict.fromkeys((*_SKIN_TONES, *_VARIATION_SELECTORS))


@dataclass(frozen=True, slots=True)
class Turn:
    """One entry of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an answer was sampled, as it is stored: the parameters of the worker's protocol.

    There are no defaults here: whoever makes a request decides every parameter. `seed` None
    leaves the choice to the worker.
    """

    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    min_p: float
    repetition_penalty: float
    frequency_penalty: float
    presence_penalty: float
    seed: int | None
    stop: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """One ask for an answer, not stored yet.

    `source_key` names what the person did (a message, an interaction), so that the same event
    seen twice makes one request. `in_history` is false for what later turns should not see.
    """

    source_key: str
    conversation: str
    front_end: str
    user_id: str
    user_name: str
    prompt: str
    turns: tuple[Turn, ...]
    variant: str
    sampling: Sampling
    in_history: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(NewRequest):
    """An accepted request; times are UTC, `attempts` counts how often it was given to a worker."""

    id: int
    state: RequestState
    attempts: int
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAnswer:
    """What a worker answered, with what is needed to reproduce it; None where nobody knows.

    A stopped answer may have ended before its first token or before the worker counted tokens.
    Times are in milliseconds from acceptance: waiting, up to the first token, in all.
    """

    text: str
    variant: str
    adapter_hash: str | None
    model_id: str
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    queue_ms: int
    first_token_ms: int | None
    total_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(NewAnswer):
    """The stored result of one request."""

    id: int
    request_id: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RequestMessage:
    """A front end's message that shows part `position` of a request or its answer."""

    channel_id: str
    message_id: str
    position: int


@dataclass(frozen=True, slots=True)
class Rating:
    """One person's reaction of one kind on one answer; the person is None once forgotten."""

    answer_id: int
    user_id: str | None
    kind: RatingKind
    created_at: datetime


def _no_ratings() -> dict[RatingKind, int]:
    return dict.fromkeys(RatingKind, 0)


@dataclass(frozen=True, slots=True)
class RatingTally:
    """How people rated one variant's answers; `counts` has every kind, also those at zero.

    `by_askers` is the part of `counts` that came from those who had asked themselves.
    """

    variant: str
    answers: int
    counts: dict[RatingKind, int]
    median_total_ms: float | None
    by_askers: dict[RatingKind, int] = field(default_factory=_no_ratings)


@dataclass(frozen=True, slots=True)
class Reaction:
    """One person's emoji on one message; `emoji` as it came, `kind` what it means."""

    message_id: str
    user_id: str
    emoji: str
    kind: RatingKind
    is_super: bool = False


@dataclass(frozen=True, slots=True)
class AnswerMessages:
    """The messages in one channel that show one answer."""

    answer_id: int
    channel_id: str
    message_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PersonalData:
    """All that is stored of one person, as JSON-ready rows."""

    user_id: str
    requests: list[dict[str, Any]]
    ratings: list[dict[str, Any]]
    reactions: list[dict[str, Any]]
    settings: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much of a person was taken out of the store."""

    requests: int
    ratings: int
