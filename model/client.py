"""The bot's way to the worker: typed calls over the `openai` library, errors converted once."""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from model.protocol import Health, ModelCard


class TurnLike(Protocol):
    """Anything with a role and a content, such as a turn of the store."""

    @property
    def role(self) -> str:
        """Who speaks: system, user or assistant."""
        ...

    @property
    def content(self) -> str:
        """What is said."""
        ...


@dataclass(frozen=True, slots=True)
class SamplingOptions:
    """What to ask of the sampler; the fields are those of the store's sampling record."""

    max_tokens: int = 256
    temperature: float = 0.8
    top_p: float = 0.95
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.1
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the answer's text, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a whole answer. `seed` and `adapter_hash` are None where a server hides them."""

    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    model_id: str
    adapter_hash: str | None
    seed: int | None = None


class WorkerClient:
    """Talks to one OpenAI-compatible worker; `base_url` is its root, with or without `/v1`.

    Every method raises only ClientError's children. Use as `async with` or call `close()`.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 120.0,
    ) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def health(self) -> Health:
        """The worker's state, also while it loads or drains."""
        raise NotImplementedError

    async def models(self) -> list[ModelCard]:
        """The variants on offer."""
        raise NotImplementedError

    def stream(
        self, turns: Iterable[TurnLike], variant: str, sampling: SamplingOptions
    ) -> AsyncGenerator[Delta | Done, None]:
        """Yield the answer's deltas, then one Done; closing or cancelling it frees the worker.

        WorkerDied when the answer breaks off after it began, the others before that.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """Give the connections back."""
        raise NotImplementedError
