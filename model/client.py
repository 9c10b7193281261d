"""The client of a worker: typed calls through the `openai` library, with the client's errors."""

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
from model.sampling import SamplingParams

HEALTH_TIMEOUT_S = 5.0
_NOT_OPENAIS = ("top_k", "min_p", "repetition_penalty")
_THOUGHT_FIELDS = ("reasoning_content", "reasoning")  # vLLM's, llama.cpp's and DeepSeek's names
# As vLLM has them: the last turn is the assistant's and is gone on with, instead of answered.
_GOING_ON = {"continue_final_message": True, "add_generation_prompt": False}


class TurnLike(Protocol):
    """Any object with a role and a content, such as a turn of the store."""

    @property
    def role(self) -> str:
        """Who speaks: system, user or assistant."""
        ...

    @property
    def content(self) -> str:
        """What is said."""
        ...


@dataclass(frozen=True, slots=True)
class Origin:
    """The model and adapter that give an answer, as the worker says at its beginning."""

    model_id: str
    adapter_hash: str | None


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """More text of the answer, never empty; `origin` is None where a server does not tell it."""

    text: str
    origin: Origin | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ThoughtDelta:
    """A piece of what a reasoning model thinks before it answers, in a field of its own."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a complete answer.

    `seed` and `adapter_hash` are None where a server does not tell them.
    """

    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    model_id: str
    adapter_hash: str | None
    seed: int | None = None


class WorkerClient:
    """Talks to one OpenAI-compatible worker; `base_url` is its root, with or without `/v1`.

    Time limits are in seconds. Methods raise only subclasses of ClientError. Use it with
    `async with`, or call `close()`.
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
            # a proxy from the environment does not reach a worker on this machine
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

        A server whose /health has another form counts as "ok" when it answers 200. Raises
        WorkerUnavailable, WorkerRefused or WorkerDied.
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
        """The variants that the worker serves, the base first.

        Raises WorkerUnavailable, WorkerLoading, WorkerRefused or WorkerDied.
        """
        try:
            answer = await self._openai.get("/models", cast_to=object)
            return ModelList.model_validate(answer).data
        except openai.OpenAIError as error:
            raise convert(error) from error
        except ValueError as error:
            raise WorkerUnavailable(f"{self._root} is no OpenAI-compatible server") from error

    async def stream(
        self, turns: Iterable[TurnLike], variant: str, sampling: SamplingParams
    ) -> AsyncGenerator[AnswerDelta | ThoughtDelta | Done, None]:
        """Yield the answer's text as it comes, then one Done. Closing it early ends the row.

        Where the last turn is the assistant's, the answer goes on with it. What a reasoning model
        thinks comes as ThoughtDelta where the server keeps it apart. Use it inside
        `contextlib.aclosing`. Raises WorkerUnavailable, WorkerLoading or WorkerRefused before the
        answer begins, WorkerDied also after that.
        """
        turns = tuple(turns)
        try:
            stream = await self._openai.chat.completions.create(
                messages=[_message(turn) for turn in turns],
                model=variant,
                stream=True,
                stream_options={"include_usage": True},
                **_parameters(sampling, goes_on=turns[-1].role == "assistant"),
            )
        except openai.OpenAIError as error:
            raise convert(error) from error
        reader = _Reader(variant)
        try:
            async for chunk in stream:
                if thought := _thought(chunk):
                    yield ThoughtDelta(thought)
                if text := reader.take(chunk):
                    yield AnswerDelta(text, reader.origin)
        except openai.OpenAIError as error:
            if not reader.is_whole:
                raise WorkerDied(f"the answer broke off: {explain(error)}") from error
        except ValueError as error:
            if not reader.is_whole:
                raise WorkerDied(f"the answer is no OpenAI stream: {error}") from error
        finally:
            await stream.close()
        yield reader.done()

    async def close(self) -> None:
        """Close the connections."""
        await self._openai.close()


class _Reader:
    """Collects what the chunks of a stream say besides the text."""

    def __init__(self, variant: str) -> None:
        self._model_id = variant
        self._finish_reason: str | None = None
        self._usage = (0, 0)
        self._extension: Extension | None = None

    @property
    def origin(self) -> Origin | None:
        """The answer's model and adapter; None until the worker says them."""
        told = self._extension
        return None if told is None else Origin(told.model_id, told.adapter_hash)

    @property
    def is_whole(self) -> bool:
        """Whether the server has said that the text is complete: what is lost then is no text."""
        return self._finish_reason is not None

    def take(self, chunk: ChatCompletionChunk) -> str:
        """Note what the chunk says, and return its text, "" where it has none."""
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
        """The end of the answer; raises WorkerDied when the stream gave no finish reason."""
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


def _thought(chunk: ChatCompletionChunk) -> str:
    """The thoughts in a chunk, "" where it has none."""
    fields = (chunk.choices[0].delta.model_extra or {}) if chunk.choices else {}
    found = (fields.get(name) for name in _THOUGHT_FIELDS)
    return next((text for text in found if isinstance(text, str) and text), "")


def _parameters(sampling: SamplingParams, *, goes_on: bool) -> dict[str, Any]:
    """Arguments for `create`; what changes nothing is left out, for servers that do not know it."""
    told = sampling.model_dump(exclude_defaults=True)
    extra = {name: told.pop(name) for name in _NOT_OPENAIS if name in told}
    extra |= _GOING_ON if goes_on else {}
    always = {"temperature": sampling.temperature, "top_p": sampling.top_p}
    return {**told, **always, "extra_body": extra}


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
