"""A whole bot on an in-memory Discord, with a fake worker and a real store."""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord

from bot.chat.chat import Chat
from bot.config.settings import BotSettings
from bot.discord.client import FunBot
from bot.errors import UserError
from bot.front_end import Services
from bot.worker.status import StatusBoard, WorkerPhase, WorkerStatus
from data.store.store import Store
from tests.bot.discord.database import execute
from tests.bot.rig import make_settings
from tests.fakes.worker import FakeWatch, FakeWorker, Play

LIMIT_S = 20.0


@dataclass
class Stage:
    env: simcord.Env
    bot: FunBot
    store: Store
    chat: Chat
    worker: FakeWorker
    board: StatusBoard
    settings: BotSettings
    runs: list[asyncio.Task[None]]

    guild: Any
    channel: Any
    ann: Any
    bob: Any

    @property
    def mention(self) -> str:
        """How people call the bot."""
        return f"<@{self.me}>"

    @property
    def me(self) -> int:
        """The bot's id."""
        assert self.bot.user is not None
        return self.bot.user.id

    def execute(self, sql: str, *values: object) -> None:
        """Change the database as no method of the store does."""
        execute(self.settings.database, sql, *values)

    def open(self) -> None:
        """Let a chat that was not running answer what waits."""
        self.runs.append(asyncio.create_task(self.chat.run()))

    def shown(self, channel: Any = None) -> list[discord.Message]:
        """The bot's messages, oldest first."""
        history = (channel or self.channel).history()
        return [one for one in history if one.author.id == self.me]

    def texts(self, channel: Any = None) -> list[str]:
        return [message.content for message in self.shown(channel)]

    def turns(self, number: int = -1) -> tuple[tuple[str, str], ...]:
        """What the worker was asked."""
        return self.worker.calls[number].turns

    def thread(self) -> Any:
        """A thread that ann opened."""
        raw = self.env.backend.create_thread(self.channel.id, "a thread", owner_id=self.ann.id)
        return simcord.builders.ChannelHandle(self.env, self.guild, raw)

    async def pending(self, deed: Awaitable[Any]) -> Any:
        """Do something after which the bot still waits for the worker."""
        with pytest.raises(TimeoutError, match="did not settle"):
            await deed

    async def restart(self, *, killed: bool = True) -> None:
        """Another process of the bot takes over; killed, the first had no time to say anything."""
        if not killed:
            await self.chat.aclose(0)
        await self.bot.desk.close(0 if killed else LIMIT_S)
        await self.chat.aclose(0)
        self.chat = Chat(self.store, self.worker, self.settings, FakeWatch(), rng=random.Random(2))
        leftovers = tuple(await self.chat.resume(hold=True))
        services = Services(self.chat, self.store, self.board, self.settings, leftovers)
        self.bot = make_bot(services, self.bot.intents.message_content)
        self.open()
        await self.env.restart_bot(self.bot)


def make_bot(services: Services, message_content: bool) -> FunBot:
    return FunBot(services, message_content=message_content, shard_count=1)


def ready_board() -> StatusBoard:
    board = StatusBoard()
    board.show(WorkerStatus(WorkerPhase.READY))
    return board


@asynccontextmanager
async def stage(
    path: Path,
    *plays: Play,
    message_content: bool = False,
    settle_s: float = 5.0,
    running: bool = True,
    **changes: Any,
) -> AsyncIterator[Stage]:
    """`plays` are the worker's; `changes` change the bot's settings."""
    worker, board = FakeWorker(plays=deque(plays)), ready_board()
    settings = make_settings(fungpt_home=path, **changes)
    async with await Store.open(path / "fungpt.db") as store:
        chat = Chat(store, worker, settings, FakeWatch(), rng=random.Random(1))
        runs = [asyncio.create_task(chat.run())] if running else []
        bot = make_bot(Services(chat, store, board, settings), message_content)
        approved = discord.Intents.all()
        approved.message_content = message_content
        options = {
            "approved_intents": approved, "strict_sync": False, "settle_timeout": settle_s,
            "check_errors": False,
        }  # fmt: skip
        async with asyncio.timeout(LIMIT_S):
            async with simcord.run(bot, **options) as env:
                guild = env.create_guild()
                people = [guild.add_member(env.create_user(name)) for name in ("ann", "bob")]
                channel = guild.create_text_channel("general")
                on = Stage(
                    env, bot, store, chat, worker, board, settings, runs, guild, channel, *people
                )
                try:
                    yield on
                finally:
                    await on.chat.aclose(0)
                    await on.bot.desk.close(0)
                    await asyncio.gather(*on.runs)
        if surprises := [error for error in env.errors if not _is_said(error)]:
            raise BaseExceptionGroup("the bot raised", surprises)


def _is_said(error: BaseException) -> bool:
    """Whether the person was told."""
    return isinstance(getattr(error, "original", error), UserError)
