"""What the store takes and returns: requests, answers, ratings, settings."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import chain, groupby
from typing import Any, Literal, Self

Scope = Literal["global", "conversation", "user", "channel", "guild"]
"""What a stored setting holds for; the scope's id says which conversation, user and so on."""

YES, NO = "yes", "no"
"""The stored values of a setting that is on or off."""


class SettingKey(StrEnum):
    """The names of the stored settings, with the scopes in which they are set."""

    VARIANT = "variant"
    """User, conversation, channel or global: the variant that answers."""
    PERSONA = "persona"
    """Channel, or the conversation of direct messages or of the terminal: the system prompt."""
    ALWAYS = "always"
    """Channel: YES if the bot answers every message, NO if that was switched off again."""
    THREADS = "threads"
    """Channel: YES if each answer gets a thread of its own."""
    ALLOWED_ROLES = "allowed_roles"
    """Guild: ids of the roles that may ask, with blanks between."""
    HOURLY_LIMIT = "hourly_limit"
    """Guild: how many requests a person may make in an hour."""
    WAITING_LIMIT = "waiting_limit"
    """Guild: how many unanswered requests a person may have at once."""
    TUNED_AGE_RESTRICTED_ONLY = "tuned_age_restricted_only"
    """Guild: YES if only the base may answer where there is no age restriction."""
    TRAINING_CONSENT = "training_consent"
    """User: YES or NO, whether their texts and ratings may become training data."""
    RESET_AT = "reset_at"
    """Conversation: the time of its last reset, in ISO 8601."""
    RESET_AFTER = "reset_after"
    """Conversation: the id of the last request before its last reset."""
    RESET_SNOWFLAKE = "reset_snowflake"
    """Conversation: the Discord id that marks the moment of its last reset."""
    AWAY_SINCE = "away_since"
    """Guild or channel: since when the bot has not been there, in ISO 8601."""
    EXPORT_KEY = "export_key"
    """Global: the key, in hex, that hides people's ids in exports; it never leaves the store."""
    THREAD_MODE = "thread_mode"
    """Channel, of a thread: when the bot answers there (`bot.discord.rules.ThreadMode`)."""
    CALLED = "called"
    """Channel, of a thread: YES once somebody called the bot there."""
    KEEP_ANSWERS = "keep_answers"
    """Guild: YES if answers stay where their question is deleted."""


class RequestState(StrEnum):
    """The state of a request, which reaches exactly one final state, once."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    EXPIRED = "expired"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether the request has ended, so that its state cannot change any more."""
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
        """The emoji that stands for this kind as a reaction."""
        return _EMOJI[self]

    @property
    def excludes(self) -> "RatingKind | None":
        """The kind that one person cannot give to the same answer together with this one."""
        return _EXCLUDES.get(self)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the kind with this name or emoji (in any skin tone).

        Raises ValueError, which names what is allowed.
        """
        plain = plain_emoji(text).strip().lower()
        for kind in cls:
            if plain in (kind.value, kind.emoji):
                return kind
        allowed = ", ".join(f"{kind.emoji} {kind}" for kind in cls)
        raise ValueError(f"no rating is called {text[:40]!r}; there are {allowed}")


def plain_emoji(text: str) -> str:
    """Return an emoji without its skin tone and without variation selectors."""
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
class Said:
    """A part of a turn, and the person whose it is; None if that is nobody, or not known.

    In an assistant's turn that is the person who was answered.
    """

    user_id: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One entry of a conversation: who speaks, and what they say.

    `said` are the parts of `content`, which are joined by line ends there; empty if it is not
    known whose they are. Two turns are equal if they read the same.
    """

    role: Literal["system", "user", "assistant"]
    content: str
    said: tuple[Said, ...] = field(default=(), compare=False)


def merge_turns(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """Neighbouring turns of one role as one, a line end between them; blank turns are left out."""
    spoken = (turn for turn in turns if turn.content.strip())
    return tuple(_joined(list(group)) for _, group in groupby(spoken, key=lambda turn: turn.role))


def _joined(turns: list[Turn]) -> Turn:
    if len(turns) == 1:
        return turns[0]
    content = "\n".join(turn.content for turn in turns)
    if not any(turn.said for turn in turns):
        return Turn(turns[0].role, content)
    parts = (turn.said or (Said(None, turn.content),) for turn in turns)
    return Turn(turns[0].role, content, tuple(chain.from_iterable(parts)))


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
    """A request for an answer that is not stored yet.

    `source_key` names what the person did (which message, which interaction), so that an event
    that is seen twice makes one request. `turns` is what the model is given; the last of them
    holds `prompt`. `in_history` is False if later turns should not build on this exchange,
    `is_counted` if it takes the place of an earlier request where the person's are counted.
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
    is_counted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(NewRequest):
    """A stored request. Times are in UTC; `attempts` is how often it was given to a worker."""

    id: int
    state: RequestState
    attempts: int
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAnswer:
    """What a worker answered, and what is needed to reproduce it; None means unknown.

    An answer that was stopped may have no first token and no counts of tokens. Times are in
    milliseconds from when the request was accepted: `queue_ms` until a worker took it,
    `first_token_ms` until its first token, `total_ms` until its end.
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
    """The stored answer to one request."""

    id: int
    request_id: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RequestMessage:
    """A message that shows part `position` (from 0) of a request or its answer."""

    channel_id: str
    message_id: str
    position: int


@dataclass(frozen=True, slots=True)
class Rating:
    """One person's rating of one answer. `user_id` is None if the person was forgotten."""

    answer_id: int
    user_id: str | None
    kind: RatingKind
    created_at: datetime


def no_ratings() -> dict[RatingKind, int]:
    """Return a new count of ratings with every kind at zero."""
    return dict.fromkeys(RatingKind, 0)


@dataclass(frozen=True, slots=True)
class RatingTally:
    """How people rated the answers of one variant.

    `answers` is the number of answers, and `median_total_ms` the median of their `total_ms`.
    `counts` has the number of ratings of every kind, also those at zero; `by_askers` counts those
    of them that came from the person who had asked.
    """

    variant: str
    answers: int
    counts: dict[RatingKind, int]
    median_total_ms: float | None
    by_askers: dict[RatingKind, int] = field(default_factory=no_ratings)


@dataclass(frozen=True, slots=True)
class Reaction:
    """One person's emoji on one message.

    `emoji` is as it came, with its skin tone; `kind` is the rating that it stands for.
    `is_super` marks Discord's super reactions.
    """

    message_id: str
    user_id: str
    emoji: str
    kind: RatingKind
    is_super: bool = False


@dataclass(frozen=True, slots=True)
class AnswerMessages:
    """The messages in one channel that show one answer, in their order."""

    answer_id: int
    channel_id: str
    message_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PersonalData:
    """All that is stored of one person, as rows that `json.dumps` takes.

    `exports` has a row for each rating that left in an export, where the person asked or rated.
    `quoted` has a row for each part of other people's conversations that is the person's, or was
    said to the person. `personas` are those that the person saved under a name.
    """

    user_id: str
    requests: list[dict[str, Any]]
    ratings: list[dict[str, Any]]
    reactions: list[dict[str, Any]]
    settings: list[dict[str, Any]]
    exports: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    quoted: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    personas: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


@dataclass(frozen=True, slots=True)
class MadeExport:
    """An export that was made.

    `path` is where the file was written, `sha256` the hash of its bytes, and `permission` the
    reference of Discord's permission that was recorded then. Of its `ratings`, `forgotten` are
    about answers to people, or by people, who asked to be forgotten since.
    """

    id: str
    path: str
    sha256: str
    permission: str | None
    created_at: datetime
    ratings: int
    forgotten: int


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many requests and ratings of a person lost their name.

    `exports` are those that hold something of the person: they cannot be changed from here.
    """

    requests: int
    ratings: int
    exports: tuple[MadeExport, ...] = ()
