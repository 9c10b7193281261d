"""A streamed answer as server-sent events, in the shape of OpenAI's chunks."""

import asyncio

from aiohttp import web

from model.errors import RequestError
from model.protocol import ChatChunk, ChatRequest, ChunkChoice, ChunkDelta
from model.server.entry.connections import FILLER
from model.server.generation import AnswerEnd, Generation, TextDelta
from model.server.refusals import STARTED, describe

_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}
_COMMENT = b": still working\n\n"


class SlowReader(ConnectionError):
    """The reader took nothing for too long, and its connection was cut."""


class EventStream:
    """Writes events to one connection; raises SlowReader when a write takes `send_limit_s`."""

    def __init__(self, request: web.Request, send_limit_s: float) -> None:
        self._request = request
        self._limit = send_limit_s
        self.response = web.StreamResponse(headers=_HEADERS)

    async def open(self) -> None:
        """Send the headers; after that no other status can be answered."""
        self._request[STARTED] = True
        await self.response.prepare(self._request)
        if self.response.headers.get("Transfer-Encoding") == "chunked":
            self._request[FILLER] = b"%x\r\n%b\r\n" % (len(_COMMENT), _COMMENT)

    async def send(self, data: str) -> None:
        """Send one event."""
        await self._write(f"data: {data}\n\n".encode())

    async def keep_alive(self) -> None:
        """Send a comment, so that no proxy takes the silence for a dead connection."""
        await self._write(_COMMENT)

    async def _write(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(self._limit):
                await self.response.write(data)
        except TimeoutError:
            if self._request.transport is not None:
                self._request.transport.abort()
            raise SlowReader(f"nothing taken for {self._limit:g} s") from None


async def stream_answer(
    events: EventStream,
    asked: ChatRequest,
    generation: Generation,
    created: int,
    keep_alive_s: float,
) -> None:
    """Send the answer of an accepted request up to `[DONE]`, or up to the error that ends it.

    After `keep_alive_s` seconds without text a comment is sent. `created` is a Unix time.
    """
    chunks = _Chunks(generation, created)
    await events.open()
    await events.send(chunks.begin())
    while True:
        try:
            async with asyncio.timeout(keep_alive_s):
                news = await generation.read()
        except TimeoutError:
            await events.keep_alive()
            continue
        except RequestError as error:
            await events.send(describe(error).model_dump_json())
            return
        match news:
            case TextDelta(text):
                await events.send(chunks.delta(ChunkDelta(content=text)))
            case AnswerEnd():
                break
    await events.send(chunks.end(news))
    if asked.stream_options is not None and asked.stream_options.include_usage:
        await events.send(chunks.usage(news))
    await events.send("[DONE]")


class _Chunks:
    def __init__(self, generation: Generation, created: int) -> None:
        self._extension = generation.extension
        self._head = ChatChunk(
            id=generation.id, created=created, model=generation.request.variant, choices=[]
        )

    def begin(self) -> str:
        delta = ChunkDelta(role="assistant", content="")
        return self._dump(choices=[ChunkChoice(delta=delta)], fungpt=self._extension)

    def delta(self, delta: ChunkDelta) -> str:
        return self._dump(choices=[ChunkChoice(delta=delta)])

    def end(self, finished: AnswerEnd) -> str:
        choice = ChunkChoice(delta=ChunkDelta(), finish_reason=finished.reason)
        return self._dump(choices=[choice], fungpt=self._extension)

    def usage(self, finished: AnswerEnd) -> str:
        return self._dump(choices=[], usage=finished.usage)

    def _dump(self, **fields: object) -> str:
        return self._head.model_copy(update=fields).model_dump_json()
