"""The REST side: finds the route, asks faults and limits, writes the log, answers as Discord."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import BodyPartReader, web

from tests.discord_server.rest.calls import Call, CallLog
from tests.discord_server.rest.faults import Fault, FaultKind, Faults
from tests.discord_server.rest.limits import Limits, Verdict, refusal
from tests.discord_server.state.messages import File
from tests.discord_server.state.refusals import Refused, bad_form, missing_permissions
from tests.discord_server.state.world import TOKEN, World

Handler = Callable[[World, Call], Any]
JSON_TYPE = {"Content-Type": "application/json"}  # exactly: discord.py reads nothing else as JSON
_WITHOUT_TOKEN = ("/interactions/", "/webhooks/", "/attachments/")


@dataclass(frozen=True)
class Route:
    """`name` is the method and the pattern, such as `GET /channels/{channel}`."""

    name: str
    method: str
    pattern: re.Pattern[str]
    handler: Handler


class Routes:
    """Collects handlers: `@routes("GET /channels/{channel}")`.

    They return JSON, a File to be sent as it is, or None: 204.
    """

    def __init__(self, *others: "Routes") -> None:
        self.all: list[Route] = [route for other in others for route in other.all]

    def __call__(self, name: str) -> Callable[[Handler], Handler]:
        method, _, path = name.partition(" ")
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "$")

        def keep(handler: Handler) -> Handler:
            self.all.append(Route(name, method, pattern, handler))
            return handler

        return keep


class Router:
    """Answers requests under the API's base, and those for attachments."""

    def __init__(self, world: World, routes: Routes) -> None:
        self._world = world
        self._routes = routes.all
        self.calls = CallLog()
        self.limits = Limits(world.clock)
        self.faults = Faults()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One REST call."""
        path = "/" + request.match_info["path"]
        route, args = self._find(request.method, path)
        name = route.name if route else f"{request.method} {path}"
        call = Call(self._world.clock(), name, path, args, dict(request.query))
        self.calls.all.append(call)
        try:
            call.body, call.files = await _read(request)
            response = await self._judge(request, route, call)
        finally:
            call.done_at = self._world.clock()
            self._world.watch.changed()
        call.status = response.status
        return response

    def _find(self, method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        for route in self._routes:
            match = route.pattern.match(path) if route.method == method else None
            if match is not None:
                return route, match.groupdict()
        return None, {}

    async def _judge(
        self, request: web.Request, route: Route | None, call: Call
    ) -> web.StreamResponse:
        if route is None:
            self._world.watch.problem(f"unknown route {call.route}")
            return _respond(404, {"message": "404: Not Found", "code": 0})
        open_to_all = call.path.startswith(_WITHOUT_TOKEN)
        if not open_to_all and request.headers.get("Authorization") != f"Bot {TOKEN}":
            return _respond(401, {"message": "401: Unauthorized", "code": 0})
        fault = self.faults.strike(call)
        if fault is not None:
            faulty = await _faulty(fault, request)
            if faulty is not None:
                return faulty
        verdict = self.limits.judge(call)
        if verdict.refusal is not None:
            return _respond(429, verdict.refusal, verdict.headers)
        response = await self._do(route.handler, call, verdict)
        if fault is not None and fault.kind is FaultKind.SLOW:
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.kind is FaultKind.LOST:
            _cut(request)
        return response

    async def _do(self, handler: Handler, call: Call, verdict: Verdict) -> web.StreamResponse:
        try:
            result = handler(self._world, call)
            if isinstance(result, Awaitable):
                result = await result
        except Refused as error:
            return _respond(error.status, error.body, verdict.headers)
        except Exception as error:  # noqa: BLE001 - the test must hear of it, and the bot must not wait for us
            self._world.watch.problem(f"{call.route} {call.body!r:.300}: {error!r}")
            return _respond(400, {"message": repr(error), "code": 0}, verdict.headers)
        if isinstance(result, File):
            kind = result.content_type or "application/octet-stream"
            return web.Response(body=result.data, headers={"Content-Type": kind})
        return _respond(204 if result is None else 200, result, verdict.headers)


async def _faulty(fault: Fault, request: web.Request) -> web.StreamResponse | None:
    """The faulty answer, or None where the route is asked all the same."""
    match fault.kind:
        case FaultKind.STATUS:
            page = "<html><body>cloudflare</body></html>"
            return web.Response(status=fault.status, text=page, content_type="text/html")
        case FaultKind.FORBIDDEN:
            error = missing_permissions()
            return _respond(error.status, error.body)
        case FaultKind.REFUSED:
            body = Refused(fault.status, fault.code, "Refused by order").body
            if fault.field:
                body = bad_form(fault.field, "REFUSED", "Refused by order").body
            return _respond(fault.status, body)
        case FaultKind.LIMITED:
            verdict = refusal(fault.seconds, {})
            return _respond(429, verdict.refusal, verdict.headers)
        case FaultKind.CUT:
            _cut(request)
            return web.Response(status=502)
        case FaultKind.LATE:
            await asyncio.sleep(fault.seconds)
            return None
        case FaultKind.LOST | FaultKind.SLOW:
            return None


def _cut(request: web.Request) -> None:
    if isinstance(request.transport, asyncio.Transport):
        request.transport.abort()


async def _read(request: web.Request) -> tuple[Any, list[File]]:
    if request.content_type.startswith("multipart/"):
        body: Any = {}
        files: list[File] = []
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            data = bytes(await part.read())
            if part.name == "payload_json":
                body = json.loads(data)
            else:
                kind = part.headers.get("Content-Type")
                files.append(File(0, part.filename or "unnamed", data, kind))
        return body, files
    raw = await request.read()
    return json.loads(raw) if raw else None, []


def _respond(status: int, body: Any = None, headers: dict[str, str] | None = None) -> web.Response:
    if body is None:
        return web.Response(status=status, headers=headers)
    return web.Response(
        status=status, body=json.dumps(body).encode(), headers={**(headers or {}), **JSON_TYPE}
    )
