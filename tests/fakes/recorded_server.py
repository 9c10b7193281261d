"""A server that answers as a real one did: the bytes that were recorded, for the same requests."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from aiohttp import web

from tests.fakes.plain_server import EVERY_PATH, hosting

FOLDER = Path(__file__).parent / "recorded"


@dataclass(frozen=True)
class Exchange:
    """One request and the answer to it; `key` is what was sent as the key."""

    method: str
    path: str
    key: str
    request: object
    status: int
    content_type: str
    body: str


def load(name: str) -> list[Exchange]:
    """The exchanges of a recorded server."""
    return [Exchange(**one) for one in json.loads((FOLDER / f"{name}.json").read_text("utf-8"))]


def save(name: str, exchanges: list[Exchange]) -> None:
    """Write a recording, a line for each exchange, each different one once."""
    lines = {json.dumps(asdict(one), ensure_ascii=False): None for one in exchanges}
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text("[\n" + ",\n".join(lines) + "\n]\n", "utf-8")


@asynccontextmanager
async def replaying(exchanges: list[Exchange]) -> AsyncIterator[str]:
    """Serve the exchanges; yields the address. A request that was not recorded gets status 599."""

    async def handle(request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        asked = (request.method, request.path, key, _without_seed(body))
        for one in exchanges:
            if (one.method, one.path, one.key, _without_seed(one.request)) == asked:
                headers = {"Content-Type": one.content_type} if one.content_type else {}
                return web.Response(status=one.status, body=one.body.encode(), headers=headers)
        return web.Response(status=599, text=f"not recorded: {asked}")

    async with hosting({EVERY_PATH: handle}) as url:
        yield url


def _without_seed(body: object) -> object:
    """The bot draws a new seed for each answer."""
    return {**body, "seed": None} if isinstance(body, dict) else body
