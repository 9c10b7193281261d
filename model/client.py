"""The bot's way to the worker: typed calls over the `openai` library, errors converted once."""

import ipaddress
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self, cast
from urllib.parse import urlsplit

import openai
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam
from pydantic import ValidationError

from model.client_errors import convert, explain
from model.errors import WorkerDied, WorkerUnavailable
from model.protocol import Extension, Health, ModelCard, ModelList

HEALTH_TIMEOUT_S = 5.0


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
class Origin:
    """What an answer comes from, as the worker said when it began."""

    model_id: str
    adapter_hash: str | None


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the answer's text, never empty; `origin` is None where a server hides it."""

    text: str
    origin: Origin | None = field(default=None, compare=False)


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
        self._root = base_url.rstrip("/").removesuffix("/v1")
        self._has_key = api_key is not None
        timeout = openai.Timeout(read_timeout_s, connect=connect_timeout_s)
        self._openai = openai.AsyncOpenAI(
            api_key=api_key or "none",
            base_url=f"{self._root}/v1",
            max_retries=0,
            timeout=timeout,
            # a proxy of the environment never leads to the worker on this machine
            http_client=openai.DefaultAsyncHttpxClient(trust_env=not _is_local(self._root)),
        )

    def __repr__(self) -> str:
        return f"WorkerClient({self._root!r}, api_key={'***' if self._has_key else None})"

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
        """The worker's state, also while it loads or drains.

        A server with a /health of another form is "ok" when it answers 200.
        """
        options: openai.RequestOptions = {"timeout": HEALTH_TIMEOUT_S}
        try:
            answer = await self._openai.get(f"{self._root}/health", cast_to=object, options=options)
        except openai.APIStatusError as error:
            if (health := _as_health(error.response.content)) is not None:
                return health
            raise convert(error) from error
        except openai.OpenAIError as error:
            raise convert(error) from error
        except ValueError:  # declared as JSON, but none
            return Health(status="ok")
        return _as_health(answer) or Health(status="ok")

    async def models(self) -> list[ModelCard]:
        """The variants on offer."""
        try:
            answer = await self._openai.get("/models", cast_to=object)
            return ModelList.model_validate(answer).data
        except openai.OpenAIError as error:
            raise convert(error) from error
        except ValueError as error:
            raise WorkerUnavailable(f"{self._root} is no OpenAI-compatible server") from error

    async def stream(
        self, turns: Iterable[TurnLike], variant: str, sampling: SamplingOptions
    ) -> AsyncGenerator[Delta | Done, None]:
        """Yield the answer's deltas, then one Done; closing or cancelling it frees the worker.

        Use it inside `contextlib.aclosing`. WorkerDied when the answer breaks off after it began,
        the others before that.
        """
        try:
            stream = await self._openai.chat.completions.create(
                messages=[_message(turn) for turn in turns],
                model=variant,
                stream=True,
                stream_options={"include_usage": True},
                **_parameters(sampling),
            )
        except openai.OpenAIError as error:
            raise convert(error) from error
        reader = _Reader(variant)
        try:
            async for chunk in stream:
                if text := reader.take(chunk):
                    yield Delta(text, reader.origin)
        except openai.OpenAIError as error:
            raise WorkerDied(f"the answer broke off: {explain(error)}") from error
        except ValueError as error:
            raise WorkerDied(f"the answer is no OpenAI stream: {error}") from error
        finally:
            await stream.close()
        yield reader.done()

    async def close(self) -> None:
        """Give the connections back."""
        await self._openai.close()


class _Reader:
    """Collects what a stream's chunks say beside the text."""

    def __init__(self, variant: str) -> None:
        self._model_id = variant
        self._finish_reason: str | None = None
        self._usage = (0, 0)
        self._extension: Extension | None = None

    @property
    def origin(self) -> Origin | None:
        """What the answer comes from, if the worker has said it."""
        told = self._extension
        return None if told is None else Origin(told.model_id, told.adapter_hash)

    def take(self, chunk: ChatCompletionChunk) -> str:
        """The chunk's text."""
        if chunk.usage is not None:
            self._usage = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        extension = (chunk.model_extra or {}).get("fungpt")
        if extension is not None:
            self._extension = Extension.model_validate(extension)
        if not chunk.choices:
            return ""
        self._model_id = chunk.model or self._model_id
        choice = chunk.choices[0]
        self._finish_reason = choice.finish_reason or self._finish_reason
        return choice.delta.content or ""

    def done(self) -> Done:
        """The stream's end; WorkerDied when it ended too early."""
        if self._finish_reason is None:
            raise WorkerDied("the answer broke off: the stream ended without a finish reason")
        told = self._extension
        return Done(
            finish_reason=self._finish_reason,
            prompt_tokens=self._usage[0],
            completion_tokens=self._usage[1],
            model_id=self._model_id if told is None else told.model_id,
            adapter_hash=None if told is None else told.adapter_hash,
            seed=None if told is None else told.seed,
        )


def _message(turn: TurnLike) -> ChatCompletionMessageParam:
    return cast("ChatCompletionMessageParam", {"role": turn.role, "content": turn.content})


def _parameters(sampling: SamplingOptions) -> dict[str, Any]:
    """Arguments for `create`; what says nothing is left out, for servers that do not know it."""
    extra = {
        "top_k": sampling.top_k or None,
        "min_p": sampling.min_p or None,
        "repetition_penalty": None
        if sampling.repetition_penalty == 1
        else sampling.repetition_penalty,
    }
    return {
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "frequency_penalty": sampling.frequency_penalty or openai.omit,
        "presence_penalty": sampling.presence_penalty or openai.omit,
        "seed": openai.omit if sampling.seed is None else sampling.seed,
        "stop": list(sampling.stop) or openai.omit,
        "extra_body": {name: value for name, value in extra.items() if value is not None},
    }


def _as_health(body: object) -> Health | None:
    try:
        return (
            Health.model_validate_json(body)
            if isinstance(body, bytes)
            else Health.model_validate(body)
        )
    except ValidationError:
        return None


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
