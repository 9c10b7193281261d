"""A proxy that writes down what passes between the client and a real server."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from aiohttp import web

from tests.fakes.recorded_server import Exchange, serving

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

        async def handle(request: web.Request) -> web.Response:
            body = await request.json() if request.can_read_body else None
            key = request.headers.get("Authorization", "")
            headers = {"Authorization": key}
            answer = await client.request(request.method, request.path, json=body, headers=headers)
            text = answer.text
            for pattern, put in _VOLATILE:
                text = pattern.sub(put, text)
            kind = answer.headers.get("content-type", "")
            exchanges.append(
                Exchange(
                    request.method, request.path, key.removeprefix("Bearer "), body,
                    answer.status_code, kind, text,
                )
            )  # fmt: skip
            return web.Response(
                status=answer.status_code, body=text.encode(),
                headers={"Content-Type": kind} if kind else {},
            )  # fmt: skip

        async with serving(handle) as url:
            yield url
