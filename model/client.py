"""The client of a worker: typed calls through the `openai` library, with the client's errors."""

import json
import logging
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import httpx2
import openai
from pydantic import ValidationError

from model.client_address import connection, root_of
from model.client_errors import blamed, convert, explain, is_starting
from model.client_models import (
    NOTHING_KNOWN,
    LoadedAdapter,
    ModelNames,
    Served,
    ServerKind,
    kind_of,
    read_adapters,
    read_cards,
    with_adapters,
)
from model.client_requests import Concessions, TurnLike, chat_body
from model.client_stream import (
    AnswerDelta,
    AnswerReader,
    ChunkStream,
    Done,
    Origin,
    ThoughtDelta,
)
from model.errors import WorkerDied, WorkerRefused, WorkerUnavailable
from model.protocol.cards import ModelCard
from model.protocol.state import Health
from model.sampling import SamplingParams

__all__ = [
    "AnswerDelta", "Done", "Origin", "Served", "ThoughtDelta", "TurnLike", "WorkerClient",
]  # fmt: skip

HEALTH_TIMEOUT_S = 5.0
_NO_SUCH_PAGE = (404, 405, 501)
_NOT_FOR_US = (401, 403)
_logger = logging.getLogger(__name__)


class WorkerClient:
    """Talks to one OpenAI-compatible server; `base_url` is its root, with or without `/v1`.

    `names` are the operator's names of its models. Time limits are in seconds. Methods raise only
    subclasses of ClientError. Use it with `async with`, or call `close()`.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        names: Mapping[str, str] | None = None,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 120.0,
    ) -> None:
        self._root = root_of(base_url)
        self._has_key = api_key is not None
        self._names = ModelNames(names or {})
        self._served = NOTHING_KNOWN
        self._concessions = Concessions()
        self._openai = connection(self._root, api_key, connect_timeout_s, read_timeout_s)

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

    @property
    def served(self) -> Served:
        """What the server listed when it was last asked for its models."""
        return self._served

    async def health(self) -> Health:
        """The worker's state, also while it loads or drains.

        A server whose /health has another form counts as "ok" when it answers 200, one without
        /health when it lists its models. Raises WorkerUnavailable, WorkerRefused or WorkerDied.
        """
        options: openai.RequestOptions = {"timeout": HEALTH_TIMEOUT_S}
        try:
            answer = await self._openai.get(f"{self._root}/health", cast_to=object, options=options)
        except openai.APIStatusError as error:
            if (health := _as_health(error.response.content)) is not None:
                return health
            if error.status_code in _NO_SUCH_PAGE:
                await self.models()
                return Health(status="ok")
            if is_starting(error):
                return Health(status="loading", stage=explain(error))
            raise blamed(convert(error), self._root) from error
        except openai.OpenAIError as error:
            raise convert(error) from error
        except ValueError:  # declared as JSON, but none
            return Health(status="ok")
        return _as_health(answer) or Health(status="ok")

    async def models(self) -> list[ModelCard]:
        """The variants that the worker serves, the base first.

        Raises WorkerUnavailable, WorkerLoading, WorkerRefused or WorkerDied; WorkerUnusable where
        there is no OpenAI-compatible server, or none that takes the key.
        """
        try:
            answer = await self._openai.get("/models", cast_to=object)
            cards = read_cards(answer)
        except openai.APIStatusError as error:
            if error.status_code not in _NO_SUCH_PAGE or not self._names.theirs:
                raise blamed(convert(error), self._root) from error
            cards = ()  # some servers list nothing; the operator has said what there is
        except openai.OpenAIError as error:
            raise convert(error) from error
        except ValueError as error:
            raise WorkerUnavailable(f"{self._root} is no OpenAI-compatible server") from error
        served = Served(kind_of(cards), cards)
        if served.kind is ServerKind.LLAMA_CPP and len(cards) == 1:
            served = with_adapters(served, await self._adapters())
        self._served = served
        return self._names.cards(served)

    async def stream(
        self, turns: Iterable[TurnLike], variant: str, sampling: SamplingParams
    ) -> AsyncGenerator[AnswerDelta | ThoughtDelta | Done, None]:
        """Yield the answer's text as it comes, then one Done. Closing it early ends the row.

        Where the last turn is the assistant's, the answer goes on with it. What a reasoning model
        thinks comes as ThoughtDelta where the server keeps it apart. Use it inside
        `contextlib.aclosing`. Raises WorkerUnavailable, WorkerLoading or WorkerRefused before the
        answer begins, WorkerDied also after that.
        """
        body = chat_body(tuple(turns), sampling, self._served.kind)
        call = self._names.call(variant, self._served)
        stream = await self._begin(body | call)
        reader = AnswerReader(variant)
        try:
            with _broken_off(reader, stream):
                if "json" in stream.response.headers.get("content-type", ""):
                    for piece in reader.take(await _whole(stream)):
                        yield piece
                async for event in stream:
                    for piece in reader.take(event):
                        yield piece
        finally:
            await stream.close()
        for piece in reader.end(is_done=stream.is_done):
            yield piece

    async def close(self) -> None:
        """Close the connections."""
        await self._openai.close()

    async def _begin(self, body: dict[str, object]) -> ChunkStream:
        """Send the request, again without what the server refuses."""
        while True:
            sent = self._concessions.apply(body)
            try:
                return await self._openai.post(
                    "/chat/completions",
                    cast_to=object, body=sent, stream=True, stream_cls=ChunkStream,
                )  # fmt: skip
            except openai.OpenAIError as error:
                refused = convert(error)
                lesson = (
                    self._concessions.learn(refused, sent)
                    if isinstance(refused, WorkerRefused)
                    else None
                )
                if lesson is None:
                    raise refused from error
                _logger.warning("%s: %s (%s)", self._root, lesson, refused)

    async def _adapters(self) -> tuple[LoadedAdapter, ...]:
        try:
            answer = await self._openai.get(f"{self._root}/lora-adapters", cast_to=object)
        except openai.APIStatusError as error:
            if error.status_code in _NOT_FOR_US:  # its list of models is open to all, this is not
                raise blamed(convert(error), self._root) from error
            return ()
        except openai.OpenAIError as error:
            raise convert(error) from error
        except ValueError:
            return ()
        return read_adapters(answer)


@contextmanager
def _broken_off(reader: AnswerReader, stream: ChunkStream) -> Generator[None]:
    """Turn what breaks a stream off into the client's errors.

    Once the text is whole nothing is lost but the counts, so it is no error then.
    """
    try:
        yield
    except openai.APIConnectionError as error:
        if not reader.is_whole(is_done=stream.is_done):
            raise WorkerDied(f"the answer broke off: {explain(error)}") from error
    except openai.APIError as error:
        if not reader.is_whole(is_done=stream.is_done):
            raise reader.failure(error.body) from error
    except ValueError as error:
        if not reader.is_whole(is_done=stream.is_done):
            raise WorkerDied(f"the answer is no OpenAI stream: {error}") from error


async def _whole(stream: ChunkStream) -> object:
    """The body of a server that does not stream."""
    try:
        body: object = json.loads(await stream.response.aread())
    except httpx2.HTTPError as error:
        raise WorkerDied(f"the answer broke off: {error}") from error
    stream.is_done = True
    return body


def _as_health(body: object) -> Health | None:
    try:
        return (
            Health.model_validate_json(body)
            if isinstance(body, bytes)
            else Health.model_validate(body)
        )
    except ValidationError:
        return None
