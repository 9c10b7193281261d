"""The border between server and engine: token ids in, token ids out, one thread, no torch."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from model.engine.sampling import SamplingParams

BASE = "base"


class FinishReason(StrEnum):
    """Why a row ended."""

    STOP = "stop"
    LENGTH = "length"
    ABORT = "abort"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class AdapterCard:
    """One adapter as served: its variant name, the hash of its weights, where it came from.

    Two versions of an adapter have different cards, whatever their name.
    """

    name: str
    hash: str
    source: str


@dataclass(frozen=True, slots=True)
class ReadyAdapter:
    """An adapter that is read and fits; `place` puts its weights beside those in use.

    `place` is called from the engine's thread, between two steps; it raises a ModelError and
    changes nothing when there is no room.
    """

    card: AdapterCard
    place: Callable[[], None]


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """One row to run. `id` is unique among the rows the engine holds."""

    id: str
    input_ids: tuple[int, ...]
    variant: str
    params: SamplingParams


@dataclass(frozen=True, slots=True)
class TokenOutput:
    """What one step gave one row.

    A row that goes on carries a token and no finish reason. The end-of-sequence token is not
    handed out: STOP, ABORT and ERROR come with `token_id` None, LENGTH with the last token.
    """

    id: str
    token_id: int | None
    finish_reason: FinishReason | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """How full the engine is: rows running and waiting, cache blocks used and in total."""

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
        """Take a row, or raise ContextLengthExceeded, UnknownModel or QueueFull.

        Returns the adapter that answers it to its end, None for the base.
        """
        ...

    def abort(self, request_id: str) -> None:
        """End a row; its one ABORT output comes from the next step. An unknown id is ignored."""
        ...

    def adopt(self, ready: ReadyAdapter) -> None:
        """Let an adapter answer under its name from the next `add` on.

        Rows that are here already keep the version they began with; its memory is freed with the
        last of them. A ModelError of `ready.place` leaves everything as it was.
        """
        ...

    def drop(self, name: str) -> None:
        """Take no more rows for this adapter; those that are here keep it. Unknown: ignored."""
        ...

    def step(self) -> list[TokenOutput]:
        """Run one forward pass, one output for each row that got a token; [] when idle."""
        ...

    def has_work(self) -> bool:
        """Whether a step would do something."""
        ...

    def load(self) -> EngineLoad:
        """How full the engine is now."""
        ...
