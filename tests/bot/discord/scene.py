"""A bot on a Discord in memory: real chat and store, a fake worker, the cogs that a test names."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import discord
import pytest
import simcord
from discord.ext import commands

from bot.discord.client import CogMaker, FunBot
from bot.discord.cogs import CogParts, make_cogs
from bot.discord.identity import FRONT_END, conversation_id, user_id
from bot.discord.metrics import Metrics
from bot.errors import UserError
from bot.front_end import Services
from bot.worker.status import StatusBoard, WorkerPhase, WorkerStatus
from data.errors import StoreError
from data.records import Answer, NewAnswer, NewRequest, RequestMessage, Turn
from data.store.store import Store
from tests.bot.discord.database import execute
from tests.bot.rig import ManualClock, Rig, make_settings, rig

Kind = TypeVar("Kind", bound=commands.Cog)


@dataclass
class Scene:
    """`env` is Discord; ann may manage the server, bob may nothing, robot is another bot.

    `fresh()` is the bot as a new process makes it, over the same store.
    """

    env: simcord.Env
    bot: FunBot
    rig: Rig
    board: StatusBoard
    metrics: Metrics
    database: Path
    parts: CogParts  # of the newest bot
    guild: Any
    channel: Any
    ann: Any
    bob: Any
    robot: Any
    fresh: Callable[[], FunBot]
    answers: int = 0
    excused: tuple[type[Exception], ...] = ()  # what a test makes the bot raise

    def adults(self) -> Any:
        """An age-restricted channel; simcord itself knows none."""
        channel = self.guild.create_text_channel("adults")
        known = self.bot.get_channel(channel.id)
        assert isinstance(known, discord.TextChannel)
        known.nsfw = True
        return channel

    def cog(self, kind: type[Kind]) -> Kind:
        """The bot's cog of a class."""
        found = self.bot.get_cog(kind.__name__)
        assert isinstance(found, kind)
        return found

    def partial(self, message: discord.Message) -> discord.PartialMessage:
        """A message as the bot itself can name it."""
        return self.bot.get_partial_messageable(message.channel.id).get_partial_message(message.id)

    def execute(self, sql: str, *values: object) -> None:
        """Change the database as no method of the store does."""
        execute(self.database, sql, *values)

    def thread(self, parent: Any = None) -> Any:
        """A thread under a channel, as ann starts one."""
        parent = parent or self.channel
        raw = self.env.backend.create_thread(parent.id, "a thread", owner_id=self.ann.id)
        return simcord.builders.ChannelHandle(self.env, self.guild, raw)

    @property
    def store(self) -> Store:
        return self.rig.store

    async def answered(
        self,
        person: Any = None,
        *,
        parts: int = 1,
        variant: str = "tuned",
        channel: Any = None,
        **changes: Any,
    ) -> tuple[Answer, list[discord.Message]]:
        """An answer to bob that the bot shows in messages, without any chatting."""
        place, person = channel or self.channel, person or self.bob
        self.answers += 1
        new = NewRequest(
            source_key=f"answered-{self.answers}",
            conversation=conversation_id(place),
            front_end=FRONT_END,
            user_id=user_id(person),
            user_name="Ann",
            prompt="Hi?",
            turns=(Turn("user", "Hi?"),),
            variant="tuned",
            sampling=make_settings().sampling(1),
        )
        request, _ = await self.store.add_request(new)
        await self.store.mark_running(request.id)
        draft = NewAnswer(
            **{
                "text": "Hello", "variant": variant, "adapter_hash": None, "model_id": "tiny",
                "finish_reason": "stop", "prompt_tokens": 1, "completion_tokens": 1,
                "queue_ms": 0, "first_token_ms": 1, "total_ms": 1500, **changes,
            }
        )  # fmt: skip
        answer = await self.store.finish(request.id, draft)
        messages = []
        for _ in range(parts):
            raw = self.env.backend.create_message(place.id, self.env.backend.bot_user.id, "Hello")
            messages.append(simcord.results.to_discord_message(self.env, raw))
        await self.shown_in(answer, *messages)
        return answer, messages

    async def shown_in(self, answer: Answer, *messages: discord.Message) -> None:
        """Note that these messages show an answer, as a delivery does."""
        noted = [
            RequestMessage(str(message.channel.id), str(message.id), position)
            for position, message in enumerate(messages)
        ]
        await self.store.delivered(answer.request_id, FRONT_END, answer.id, noted)


def only(*kinds: type[commands.Cog]) -> CogMaker:
    """Of all the bot's cogs those of these classes."""

    def make(bot: commands.AutoShardedBot, parts: CogParts) -> Iterable[commands.Cog]:
        return [cog for cog in make_cogs(bot, parts) if isinstance(cog, kinds)]

    return make


@asynccontextmanager
async def scene(
    path: Path,
    cogs: CogMaker,
    *,
    rig_options: dict[str, Any] | None = None,
    simcord_options: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Scene]:
    """`cogs` makes the bot's cogs, see `only`; `settings` change the bot's."""
    board = StatusBoard()
    board.show(WorkerStatus(WorkerPhase.READY, "ready", 1.0))
    time = ManualClock()
    time.at = datetime.now(UTC)  # commands count days from the real one
    async with rig(path / "test.db", **{"time": time, **(rig_options or {})}) as running:
        services = Services(
            running.chat, running.store, board, make_settings(fungpt_home=path, **settings)
        )
        metrics = Metrics(services)
        given: list[CogParts] = []

        def make(bot: commands.AutoShardedBot, parts: CogParts) -> Iterable[commands.Cog]:
            given.append(parts)
            return cogs(bot, parts)

        def fresh() -> FunBot:
            return FunBot(services, make, shard_count=1, metrics=metrics)

        bot = fresh()
        env = simcord.Env(bot, **(simcord_options or {}))
        await env.start()
        try:
            arranged = _arranged(
                env, bot, running, board, metrics, path / "test.db", given[-1], fresh
            )
            yield arranged
        finally:
            await env.shutdown()
            await bot.close()
        if surprises := [error for error in env.errors if not _is_said(error, arranged)]:
            raise BaseExceptionGroup("the bot raised", surprises)


def stage_of(cogs: CogMaker) -> Any:
    """The fixture `stage` of a file of tests: a scene for each of them, made with these."""

    @pytest.fixture
    async def stage(tmp_path: Path) -> AsyncIterator[Scene]:
        async with scene(tmp_path, cogs) as made:
            yield made

    return stage


def _arranged(
    env: simcord.Env,
    bot: FunBot,
    running: Rig,
    board: StatusBoard,
    metrics: Metrics,
    database: Path,
    parts: CogParts,
    fresh: Callable[[], FunBot],
) -> Scene:
    guild = env.create_guild()
    managers = guild.create_role(
        "Managers", permissions=discord.Permissions(manage_guild=True, manage_channels=True)
    )
    return Scene(
        env,
        bot,
        running,
        board,
        metrics,
        database,
        parts,
        guild,
        guild.create_text_channel("general"),
        guild.add_member(env.create_user("ann"), roles=[managers]),
        guild.add_member(env.create_user("bob")),
        guild.add_member(env.create_user("robot", bot=True)),
        fresh,
    )


def _is_said(error: BaseException, arranged: Scene) -> bool:
    """Whether the person was told: such errors are the bot's way of refusing."""
    cause = getattr(error, "original", error)
    if isinstance(cause, arranged.excused):
        return True
    return isinstance(cause, UserError | discord.app_commands.CheckFailure | StoreError)
