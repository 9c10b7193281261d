"""The interface between server and engine: token ids in, token ids out. No torch."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from model.sampling import SamplingParams

BASE = "base"


class FinishReason(StrEnum):
    """Why a row ended: at an end token, at `max_tokens`, by `abort`, or by a failure."""

    STOP = "stop"
    LENGTH = "length"
    ABORT = "abort"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class AdapterCard:
    """An adapter that is served: variant name, hash of all that it answers with, folder or hub id.

    Two versions of one adapter have different cards, even under one name.
    """

    name: str
    hash: str
    source: str


@dataclass(frozen=True, slots=True)
class ReadyAdapter:
    """An adapter that was read and fits the base; `place` copies its weights to the runner.

    The engine calls `place` in its own thread, between two steps. It raises a ModelError, and
    changes nothing, when there is no memory for it.
    """

    card: AdapterCard
    place: Callable[[], None]


class TokenConstraint(Protocol):
    """Which tokens one row may get next. It belongs to that row and follows its tokens.

    Either method may raise; that ends the row, and no other.
    """

    def allowed(self) -> bytes:
        """One bit for each id from 0 on, the lowest bit of a byte first; ids beyond are ruled out.

        An end token is allowed only where the answer may end.
        """
        ...

    def advance(self, token_id: int) -> None:
        """Note the token that the row got."""
        ...


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """One row to run. `id` is unique among the rows the engine holds.

    A row with a `constraint` has `params.constrained`.
    """

    id: str
    input_ids: tuple[int, ...]
    variant: str
    params: SamplingParams
    constraint: TokenConstraint | None = None


@dataclass(frozen=True, slots=True)
class TokenScores:
    """How likely a token was, and which the likeliest were, as natural logarithms.

    They are the model's own, before bias, penalties, temperature and filters. `top` holds ids and
    their logarithms, the likeliest first, as many as the row asks for.
    """

    logprob: float
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class TokenOutput:
    """One row's result of one step.

    A row that goes on has a token and no finish reason. LENGTH comes with the last token; STOP,
    ABORT and ERROR come with `token_id` None, so the end token itself is never handed out.
    `error` is a line for ERROR, None otherwise. `scores` come with each token of a row that asks
    for them (`SamplingParams.logprobs`). `cached_tokens` counts the tokens of the row's prompt that
    were not computed for it, as the cache held their keys and values.
    """

    id: str
    token_id: int | None
    finish_reason: FinishReason | None
    error: str | None = None
    scores: TokenScores | None = None
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """How full the engine is, in rows (`running`, `waiting`) and in cache blocks."""

    running: int
    waiting: int
    cache_used: int
    cache_total: int


class Engine(Protocol):
    """A synchronous engine, called from one thread only."""

    @property
    def variants(self) -> tuple[str, ...]:
        """The names a request may ask for, "base" first."""
        ...

    @property
    def max_context(self) -> int:
        """Most tokens a row may hold, prompt and `max_tokens` together."""
        ...

    def add(self, request: TokenRequest) -> AdapterCard | None:
        """Queue a row and return the adapter that answers it to its end, None for the base.

        Raises UnknownModel, BadParameter, ContextLengthExceeded or EngineQueueFull; then nothing
        has changed.
        """
        ...

    def abort(self, request_id: str, *, complete: bool = False) -> None:
        """End a row; the next step gives its one ABORT output. An unknown id is ignored.

        With `complete` its answer was good and is long enough, as at a stop text: what was computed
        for it may serve other rows, as that of a row that ends by itself.
        """
        ...

    def add_adapter(self, ready: ReadyAdapter) -> None:
        """Let an adapter answer under its name from the next `add` on.

        Rows added before keep the version they began with; its memory is freed when the last of
        them ends. When `ready.place` raises a ModelError, nothing has changed.
        """
        ...

    def remove_adapter(self, name: str) -> None:
        """Take no new rows under this name; older rows keep their adapter. Unknown: ignored."""
        ...

    def step(self) -> list[TokenOutput]:
        """Run one forward pass; return one output for each row that got a token or ended."""
        ...

    def has_work(self) -> bool:
        """Whether a step would do something."""
        ...

    def load(self) -> EngineLoad:
        """How full the engine is now."""
        ...
