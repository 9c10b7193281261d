"""How many connections there are, how long one may stay silent, and what a half-closed one gets."""

import asyncio
import resource
from typing import cast

from aiohttp import HttpVersion11, web
from aiohttp.typedefs import Handler, Middleware

HEADER_LIMIT_S = 10.0
IDLE_LIMIT_S = 75.0
MAX_CONNECTIONS = 256
PROBE_S = 0.25
_OTHER_FILES = 64  # handles that the process needs beside its connections
_STILL_THERE = b"HTTP/1.1 102 Processing\r\n\r\n"
# What may be sent between the pieces of a response that has begun, whole with its framing.
FILLER = web.RequestKey("filler", bytes)


class ConnectionLimits:
    """Watches every connection of one server.

    One whose first headers are not complete after HEADER_LIMIT_S is cut. At the limit, the
    connection that has waited longest without asking anything makes room for a new one; where
    all others are being answered, the new one is cut.
    """

    def __init__(self, most: int = MAX_CONNECTIONS) -> None:
        handles, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.most = max(1, min(most, handles - _OTHER_FILES))
        self._open: dict[asyncio.BaseTransport, _Watched] = {}

    def __len__(self) -> int:
        """How many connections are open."""
        return len(self._open)

    def watch(self, handler: asyncio.Protocol) -> asyncio.Protocol:
        """A protocol that passes everything on to `handler`, for one new connection."""
        return _Watched(handler, self)

    def admit(self, transport: asyncio.Transport, connection: "_Watched") -> bool:
        """Whether there is room, which is made if need be; the connection is counted then."""
        if len(self._open) >= self.most:
            silent = (one for one, watched in self._open.items() if watched.request is None)
            oldest = next(silent, None)
            if oldest is None:
                return False
            self.forget(oldest)
            cast("asyncio.Transport", oldest).abort()
        self._open[transport] = connection
        return True

    def forget(self, transport: asyncio.BaseTransport) -> None:
        """Count this connection no more; unknown: ignored."""
        self._open.pop(transport, None)

    def middleware(self) -> Middleware:
        """Tells connections when their request begins and ends."""

        @web.middleware
        async def follow(request: web.Request, handler: Handler) -> web.StreamResponse:
            transport = request.transport
            connection = None if transport is None else self._open.get(transport)
            if transport is None or connection is None:
                return await handler(request)
            connection.begin(request)
            try:
                response = await handler(request)
            finally:
                connection.end()
                if self._open.pop(transport, None) is not None:
                    self._open[transport] = connection  # the youngest of those that wait
            if connection.half_closed:
                response.force_close()
            return response

        return follow

    async def answering(self, request: web.Request, _: web.StreamResponse) -> None:
        """For `on_response_prepare`: from here on the connection carries the response alone."""
        if request.transport is not None and request.transport in self._open:
            self._open[request.transport].quiet = False


class _Watched(asyncio.Protocol):
    def __init__(self, handler: asyncio.Protocol, limits: ConnectionLimits) -> None:
        self.request: web.Request | None = None
        self.half_closed = False
        self.quiet = True
        self._asked = False
        self._handler = handler
        self._limits = limits
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def begin(self, request: web.Request) -> None:
        self._stop_timer()
        self.request = request
        self.quiet = True
        if self.half_closed:
            self._look_later()

    def end(self) -> None:
        self._stop_timer()
        self.request = None
        self._asked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        admitted = self._limits.admit(self._transport, self)
        self._handler.connection_made(transport)
        if not admitted:
            self._transport.abort()
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(HEADER_LIMIT_S, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._limits.forget(self._transport)
        self._handler.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._asked = True
        self._handler.data_received(data)

    def eof_received(self) -> bool:
        """Keep the way back open for a request that came whole."""
        self._handler.eof_received()
        self.half_closed = self._asked if self.request is None else self.request.content.is_eof()
        if self.half_closed:
            self._look_later()
        return self.half_closed

    def pause_writing(self) -> None:
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        self._handler.resume_writing()

    def _look_later(self) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(PROBE_S, self._look)

    def _look(self) -> None:
        """Find out whether a half-closed client still listens.

        Only writing tells: a connection that nobody listens to breaks at the second write. Before
        the response begins, HTTP/1.1 allows an interim one, which clients read past.
        """
        if self.request is None or not self.request.content.is_eof():
            self._transport.close()
        elif self.request.version >= HttpVersion11:
            probe = _STILL_THERE if self.quiet else self.request.get(FILLER)
            if probe is not None:
                self._transport.write(probe)
                self._look_later()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class LimitedRunner(web.AppRunner):
    """A runner of aiohttp whose connections are limited; it cancels what a reader has left."""

    def __init__(self, app: web.Application, limits: ConnectionLimits, shutdown_s: float) -> None:
        super().__init__(
            app,
            handler_cancellation=True,
            access_log=None,
            shutdown_timeout=shutdown_s,
            keepalive_timeout=IDLE_LIMIT_S,
        )
        self._limits = limits

    @property
    def server(self) -> web.Server | None:
        """What makes the protocol of a new connection, as a site takes it."""
        server = super().server
        if server is None:
            return None
        limits = self._limits

        def connect() -> asyncio.Protocol:
            return limits.watch(server())

        return cast("web.Server", connect)
