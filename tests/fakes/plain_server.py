"""Servers that are not ours, built of a few answers, and one way to ask them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from aiohttp import web

from data.records import Turn
from model.client import AnswerDelta, Done, Origin, ThoughtDelta, WorkerClient
from model.sampling import SamplingParams

LIMIT_S = 10
HI = (Turn("user", "hi"),)
PLAIN = SamplingParams(max_tokens=256, temperature=0.8, top_p=0.95)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_PATHS = {"chat": "/v1/chat/completions", "models": "/v1/models", "adapters": "/lora-adapters"}
EVERY_PATH = "/{path:.*}"


@asynccontextmanager
async def hosting(handlers: Mapping[str, Handler]) -> AsyncIterator[str]:
    """A server with a handler for each path; yields its address."""
    app = web.Application()
    for path, handler in handlers.items():
        app.router.add_route("*", path, handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def serving(**handlers: Handler) -> AbstractAsyncContextManager[str]:
    """A server with a handler for each name: chat, models, adapters, or a path's own name."""
    return hosting({_PATHS.get(name, f"/{name}"): one for name, one in handlers.items()})


async def collect(
    client: WorkerClient,
    sampling: SamplingParams = PLAIN,
    variant: str = "tuned",
    turns: tuple[Turn, ...] = HI,
) -> tuple[str, Done]:
    """The whole text of an answer, and its end."""
    text, ends, origins = "", list[Done](), list[Origin | None]()
    async with asyncio.timeout(LIMIT_S):
        async for news in client.stream(turns, variant, sampling):
            if isinstance(news, AnswerDelta):
                assert news.text
                origins.append(news.origin)
                text += news.text
            elif isinstance(news, ThoughtDelta):
                text += f"<{news.text}>"
            else:
                ends.append(news)
    assert len(ends) == 1
    told = Origin(ends[0].model_id, ends[0].adapter_hash)
    # From the first piece on, or not at all where the server does not tell.
    assert set(origins) in (set(), {None}, {told})
    return text, ends[0]


def raw(body: str, content_type: str = "text/event-stream", status: int = 200) -> Handler:
    """Answers with these very bytes."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(
            status=status, body=body.encode(), headers={"Content-Type": content_type}
        )

    return handler


def sse(*events: str, status: int = 200) -> Handler:
    """Answers with a stream of events."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in events:
            await response.write(f"data: {event}\n\n".encode())
        return response

    return handler


def answer(
    status: int, text: str = "", content_type: str = "application/json", **headers: str
) -> Handler:
    """Answers with a status and a text."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text, content_type=content_type, headers=headers)

    return handler


def chunk(text: str, finish: str = "null") -> str:
    """An event with text, as OpenAI sends it."""
    choice = f'{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":{finish}}}'
    return f'{{"id":"x","object":"chat.completion.chunk","model":"m","choices":[{choice}]}}'


def choice(delta: object, finish: str | None = None, **fields: Any) -> str:
    """An event with this delta, and other fields beside the choice."""
    one = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps({"id": "x", "model": "m", "choices": [one], **fields})
