"""The gateway: sessions with sequence numbers, which outlive their sockets."""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Any

from aiohttp import WSMsgType, web

from tests.discord_server.watch import Watch

Json = dict[str, Any]
KEPT_EVENTS = 2000


class Op(IntEnum):
    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    PRESENCE = 3
    RESUME = 6
    RECONNECT = 7
    REQUEST_MEMBERS = 8
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


class Intent(IntFlag):
    GUILDS = 1 << 0
    MEMBERS = 1 << 1
    PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    GUILD_REACTIONS = 1 << 10
    DM_MESSAGES = 1 << 12
    DM_REACTIONS = 1 << 13
    MESSAGE_CONTENT = 1 << 15


PRIVILEGED = Intent.MEMBERS | Intent.PRESENCES | Intent.MESSAGE_CONTENT
BAD_TOKEN, DISALLOWED_INTENTS = 4004, 4014


@dataclass(eq=False)
class Session:
    """What a bot's IDENTIFY began; `socket` is None while nobody is connected to it."""

    id: str
    shard: int
    shards: int
    intents: Intent
    socket: "Socket | None" = None
    sequence: int = 0
    events: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS))
    resumes: int = 0

    def has_shard_of(self, guild_id: int | None) -> bool:
        """Whether events of the guild (None: of DMs) belong here."""
        return self.shard == (0 if guild_id is None else (guild_id >> 22) % self.shards)

    def send(self, event: str, data: Json) -> None:
        """Number the event, keep it for a resume, send it where there is a socket."""
        self.sequence += 1
        payload = {"op": Op.DISPATCH, "t": event, "s": self.sequence, "d": data}
        text = json.dumps(payload)
        self.events.append((self.sequence, text))
        if self.socket is not None:
            self.socket.outgoing.put_nowait(text)


@dataclass(eq=False)
class Socket:
    """A connection; None in `outgoing` closes it with `close_code`."""

    ws: web.WebSocketResponse
    transport: asyncio.Transport
    outgoing: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue)
    close_code: int = 1000

    def send(self, op: Op, data: Any = None) -> None:
        self.outgoing.put_nowait(json.dumps({"op": op, "d": data, "s": None, "t": None}))

    def close(self, code: int) -> None:
        self.close_code = code
        self.outgoing.put_nowait(None)

    async def write(self) -> None:
        while (text := await self.outgoing.get()) is not None:
            await self.ws.send_str(text)
        await self.ws.close(code=self.close_code)


class Gateway:
    """Accepts the bot's connections; `welcome` gives READY's data and the guilds of a session."""

    def __init__(
        self, watch: Watch, token: str, welcome: Callable[[Session], tuple[Json, list[Json]]]
    ) -> None:
        self._watch = watch
        self.token = token
        self._welcome = welcome
        self._number = 0
        self._open: set[Socket] = set()
        self.sessions: dict[str, Session] = {}
        self.allowed = PRIVILEGED
        self.refuses_with: int | None = None  # the close code for whoever identifies
        self.heartbeat_s = 41.25
        self.heartbeats = 0
        self.identified = 0  # how often, in all
        self.doors = asyncio.Event()
        self.doors.set()

    @property
    def connected(self) -> list[Session]:
        """The sessions that have a socket."""
        return [one for one in self.sessions.values() if one.socket is not None]

    def dispatch(
        self, event: str, guild_id: int | None, intent: Intent, data: Callable[[Session], Json]
    ) -> None:
        """An event for every session that asked for it, connected or not."""
        for session in self.sessions.values():
            if session.has_shard_of(guild_id) and (not intent or session.intents & intent):
                session.send(event, data(session))
        self._watch.changed()

    def cut(self) -> None:
        """Break every connection as a lost network does; sessions can be resumed."""
        for socket in tuple(self._open):
            socket.transport.abort()

    def close_with(self, code: int) -> None:
        """End every connection, and its session with it, with a close code.

        A client does not always see the code, as with the real gateway; see `refuses_with`.
        """
        for session in self.connected:
            assert session.socket is not None
            session.socket.close(code)
        self.sessions.clear()

    def forget_sessions(self) -> None:
        """What would be resumed is unknown from now on."""
        for session in self.sessions.values():
            if session.socket is not None:
                session.socket.transport.abort()
        self.sessions.clear()

    def invalidate(self) -> None:
        """Tell every connection that its session is over."""
        for session in self.connected:
            assert session.socket is not None
            session.socket.send(Op.INVALID_SESSION, False)
        self.sessions.clear()

    def ask_to_reconnect(self) -> None:
        """What Discord sends before it takes a gateway down."""
        for session in self.connected:
            assert session.socket is not None
            session.socket.send(Op.RECONNECT)

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """One connection, from HELLO to its end."""
        await self.doors.wait()
        ws = web.WebSocketResponse(compress=False, max_msg_size=0)
        await ws.prepare(request)
        assert isinstance(request.transport, asyncio.Transport)
        socket = Socket(ws, request.transport)
        self._open.add(socket)
        writer = asyncio.create_task(socket.write(), name="gateway writer")
        try:
            socket.send(Op.HELLO, {"heartbeat_interval": int(self.heartbeat_s * 1000)})
            async for message in ws:
                if message.type is WSMsgType.TEXT:
                    self._receive(socket, json.loads(message.data))
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            self._open.discard(socket)
            self._leave(socket)
        return ws

    async def close(self) -> None:
        """End every connection."""
        self.doors.set()
        self.cut()

    def _leave(self, socket: Socket) -> None:
        for session in self.sessions.values():
            if session.socket is socket:
                session.socket = None
        self._watch.changed()

    def _receive(self, socket: Socket, message: Json) -> None:
        match message["op"]:
            case Op.HEARTBEAT:
                self.heartbeats += 1
                socket.send(Op.HEARTBEAT_ACK)
            case Op.IDENTIFY:
                self._identify(socket, message["d"])
            case Op.RESUME:
                self._resume(socket, message["d"])
            case Op.PRESENCE | Op.REQUEST_MEMBERS:
                pass
            case other:
                self._watch.problem(f"unknown gateway opcode {other}")
        self._watch.changed()

    def _identify(self, socket: Socket, data: Json) -> None:
        intents = Intent(data["intents"])
        if data["token"] != self.token:
            return socket.close(BAD_TOKEN)
        if self.refuses_with is not None:
            return socket.close(self.refuses_with)
        if intents & PRIVILEGED & ~self.allowed:
            return socket.close(DISALLOWED_INTENTS)
        shard, shards = data.get("shard") or (0, 1)
        for old in [one for one in self.sessions.values() if one.shard == shard]:
            if old.socket is None:
                del self.sessions[old.id]
        self._number += 1
        self.identified += 1
        session = Session(f"session-{self._number}", shard, shards, intents, socket)
        self.sessions[session.id] = session
        ready, guilds = self._welcome(session)
        session.send("READY", {**ready, "session_id": session.id, "shard": [shard, shards]})
        for guild in guilds:
            session.send("GUILD_CREATE", guild)
        return None

    def _resume(self, socket: Socket, data: Json) -> None:
        session = self.sessions.get(data["session_id"])
        if session is None or data["token"] != self.token:
            return socket.send(Op.INVALID_SESSION, False)
        for number, text in session.events:
            if number > data["seq"]:
                socket.outgoing.put_nowait(text)
        session.socket = socket
        session.resumes += 1
        session.send("RESUMED", {})
        return None
