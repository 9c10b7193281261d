"""A streamed answer as server-sent events, in the shape of OpenAI's chunks."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp import web

from model.errors import RequestError
from model.protocol.chat_answer import ChatChunk, ChunkChoice, ChunkDelta, Usage
from model.protocol.chat_request import AnswerRequest
from model.protocol.completion_request import CompletionRequest
from model.server.answer.calls import CallReader
from model.server.answer.generation import AnswerEnd, Generation, TextDelta
from model.server.answer.scored_text import chat_logprobs
from model.server.completions import CompletionChunks
from model.server.entry.connections import FILLER
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
    asked: AnswerRequest,
    generations: list[Generation],
    created: int,
    keep_alive_s: float,
) -> None:
    """Send the answers of an accepted request up to `[DONE]`, or up to the error that ends it.

    After `keep_alive_s` seconds without text a comment is sent. `created` is a Unix time.
    """
    kind = CompletionChunks if isinstance(asked, CompletionRequest) else _Chunks
    chunks = kind(generations, created)
    await events.open()
    for index in range(len(generations)):
        await events.send(chunks.begin(index))
    usages: dict[int, Usage] = {}
    async with aclosing(_news(generations, keep_alive_s)) as news:
        try:
            async for index, one in news:
                match one:
                    case TextDelta():
                        for delta in chunks.deltas(index, one):
                            await events.send(delta)
                    case AnswerEnd():
                        usages[index] = one.usage
                        await events.send(chunks.end(index, one))
                    case None:
                        await events.keep_alive()
        except RequestError as error:
            await events.send(describe(error).model_dump_json())
            return
    if asked.stream_options is not None and asked.stream_options.include_usage:
        in_order = [usages[index] for index in range(len(generations))]
        await events.send(chunks.usage(Usage.of_answers(in_order, asked.n)))
    await events.send("[DONE]")


async def _news(
    generations: list[Generation], keep_alive_s: float
) -> AsyncGenerator[tuple[int, TextDelta | AnswerEnd | None]]:
    """What comes of each answer, with its place, as it comes; None after so long without any."""
    reading = {asyncio.ensure_future(one.read()): at for at, one in enumerate(generations)}
    try:
        while reading:
            done, _ = await asyncio.wait(
                reading, timeout=keep_alive_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                yield 0, None
            for task in done:
                index, news = reading.pop(task), task.result()
                if isinstance(news, TextDelta):
                    reading[asyncio.ensure_future(generations[index].read())] = index
                yield index, news
    finally:
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)


class _Chunks:
    def __init__(self, generations: list[Generation], created: int) -> None:
        self._extensions = [generation.extension for generation in generations]
        self._readers = [CallReader() if one.calls else None for one in generations]
        first = generations[0]
        self._head = ChatChunk(
            id=first.id, created=created, model=first.request.variant, choices=[]
        )

    def begin(self, index: int) -> str:
        content = "" if self._readers[index] is None else None
        choice = ChunkChoice(index=index, delta=ChunkDelta(role="assistant", content=content))
        return self._dump(choices=[choice], fungpt=self._extensions[index])

    def deltas(self, index: int, news: TextDelta) -> list[str]:
        """The chunks for more of an answer's text: the text, or what it adds to calls."""
        reader = self._readers[index]
        scored = chat_logprobs(news.scored) if news.scored else None
        added = [ChunkDelta(content=news.text)]
        if reader is not None:
            added = [ChunkDelta(tool_calls=[call]) for call in reader.push(news.text)]
        return [
            self._dump(choices=[ChunkChoice(index=index, delta=one, logprobs=scored)])
            for one in added
        ]

    def end(self, index: int, finished: AnswerEnd) -> str:
        reader = self._readers[index]
        reason = finished.reason if reader is None else reader.reason(finished.reason)
        choice = ChunkChoice(index=index, delta=ChunkDelta(), finish_reason=reason)
        return self._dump(choices=[choice], fungpt=self._extensions[index])

    def usage(self, usage: Usage) -> str:
        return self._dump(choices=[], usage=usage)

    def _dump(self, **fields: object) -> str:
        return self._head.model_copy(update=fields).model_dump_json()
