"""The border between server and engine: token ids in, token ids out, one thread, no torch."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from model.sampling import SamplingParams


class FinishReason(StrEnum):
    """Why a row ended."""

    STOP = "stop"
    LENGTH = "length"
    ABORT = "abort"
    ERROR = "error"


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

    def add(self, request: TokenRequest) -> None:
        """Take a row, or raise ContextLengthExceeded, UnknownModel or QueueFull."""
        ...

    def abort(self, request_id: str) -> None:
        """End a row; its one ABORT output comes from the next step. An unknown id is ignored."""
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
