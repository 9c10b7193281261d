"""A whole bot on an in-memory Discord, with a fake worker and a real store."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import simcord

from bot.chat import Chat
from bot.discord.client import FunBot, Setup
from bot.discord.cogs import SETUPS
from bot.front_end import Services
from bot.ticket import Ticket
from bot.worker_status import StatusBoard, WorkerPhase, WorkerStatus
from data.store import Store
from tests.bot.fake_worker import FakeWatch, FakeWorker
from tests.bot.rig import make_settings

LIMIT_S = 20.0


@dataclass
class Stage:
    env: simcord.Env
    bot: FunBot
    store: Store
    chat: Chat
    worker: FakeWorker
    board: StatusBoard

    def guild(self) -> Any:
        return self.env.create_guild()

    async def settled(self, what: Any) -> Any:
        """Do something after which the bot still waits for the worker."""
        try:
            return await what
        except TimeoutError:
            return None


def ready_board() -> StatusBoard:
    board = StatusBoard()
    board.show(WorkerStatus(WorkerPhase.READY))
    return board


@asynccontextmanager
async def stage(
    path: Path,
    *,
    worker: FakeWorker | None = None,
    watch: FakeWatch | None = None,
    board: StatusBoard | None = None,
    message_content: bool = False,
    cogs: Sequence[Setup] | None = None,
    options: dict[str, Any] | None = None,
    running: bool = True,
    **settings: Any,
) -> AsyncIterator[Stage]:
    worker = worker or FakeWorker()
    board = board or ready_board()
    chosen = make_settings(**settings)
    async with await Store.open(path / "fungpt.db") as store:
        chat = Chat(store, worker, chosen, watch or FakeWatch(), rng=random.Random(1))
        leftovers: tuple[Ticket, ...] = tuple(await chat.resume())
        run = asyncio.create_task(chat.run()) if running else None
        services = Services(chat, store, board, chosen, leftovers)
        bot = FunBot(
            services,
            SETUPS if cogs is None else cogs,
            message_content=message_content,
            shard_count=1,
        )
        approved = discord.Intents.all()
        approved.message_content = message_content
        try:
            async with asyncio.timeout(LIMIT_S):
                async with simcord.run(
                    bot, approved_intents=approved, strict_sync=False, **(options or {})
                ) as env:
                    yield Stage(env, bot, store, chat, worker, board)
        finally:
            await chat.aclose(0)
            if run is not None:
                await run
