"""A proxy that writes down what passes between the client and a real server."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from aiohttp import web

from tests.fakes.plain_server import EVERY_PATH, hosting
from tests.fakes.recorded_server import Exchange

# What differs with every run, or tells of the machine.
_VOLATILE = (
    (re.compile(r'"created":\d+'), '"created":0'),
    (re.compile(r'"id":"(chatcmpl|modelperm|cmpl)-[^"]*"'), r'"id":"\1-0"'),
    (re.compile(r'"path":"[^"]*/([^"/]*)"'), r'"path":"/models/\1"'),
    (re.compile(r'"root":"[^"]*/([^"/]*)"'), r'"root":"/models/\1"'),
    (re.compile(r',"timings":\{[^{}]*\}'), ""),
)


@asynccontextmanager
async def recording(server: str, exchanges: list[Exchange]) -> AsyncIterator[str]:
    """Pass requests on to `server` and add them to `exchanges`; yields the proxy's address."""
    async with httpx2.AsyncClient(base_url=server, trust_env=False, timeout=300) as client:

        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.json() if request.can_read_body else None
            key = request.headers.get("Authorization", "")
            headers = {"Authorization": key}
            call = client.stream(request.method, request.path, json=body, headers=headers)
            async with call as answer:
                kind = answer.headers.get("content-type", "")
                passed = web.StreamResponse(status=answer.status_code)
                passed.headers.update({"Content-Type": kind} if kind else {})
                await passed.prepare(request)
                text = await _pass_on(answer, passed)
            exchanges.append(
                Exchange(
                    request.method, request.path, key.removeprefix("Bearer "), body,
                    answer.status_code, kind, _steady(text),
                )
            )  # fmt: skip
            return passed

        async with hosting({EVERY_PATH: handle}) as url:
            yield url


async def _pass_on(answer: httpx2.Response, passed: web.StreamResponse) -> str:
    """Write each piece of the answer on as it comes; gives the whole of it."""
    pieces: list[bytes] = []
    async for piece in answer.aiter_bytes():
        pieces.append(piece)
        await passed.write(piece)
    return b"".join(pieces).decode()


def _steady(text: str) -> str:
    for pattern, put in _VOLATILE:
        text = pattern.sub(put, text)
    return text
