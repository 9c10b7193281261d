"""A bot on a Discord in memory: real chat and store, a fake worker, the cogs that a test names."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import discord
import simcord

from bot.discord.client import FunBot
from bot.discord.identity import FRONT_END, conversation_id, user_id
from bot.discord.metrics import Metrics
from bot.errors import UserError
from bot.front_end import Services
from bot.worker.status import StatusBoard, WorkerPhase, WorkerStatus
from data.errors import StoreError
from data.records import Answer, NewAnswer, RequestMessage
from data.store.store import Store
from tests.bot.rig import ManualClock, Rig, make_settings, rig


@dataclass
class Scene:
    """`env` is Discord; ann may manage the server, bob may nothing, robot is another bot.

    `fresh()` is the bot as a new process makes it, over the same store.
    """

    env: simcord.Env
    bot: FunBot
    rig: Rig
    board: StatusBoard
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
        self.bot.get_channel(channel.id).nsfw = True
        return channel

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
        values = {
            "source_key": f"answered-{self.answers}",
            "front_end": FRONT_END,
            "user_id": user_id(person),
            "conversation": conversation_id(place),
        }
        ticket_ask = self.rig.ask("Hi?", **values)
        new = await self.rig.chat._intake.request(ticket_ask)
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
        messages, shown = [], []
        for position in range(parts):
            raw = self.env.backend.create_message(place.id, self.env.backend.bot_user.id, "Hello")
            shown.append(RequestMessage(str(place.id), str(raw.id), position))
            messages.append(simcord.results.to_discord_message(self.env, raw))
        await self.store.delivered(request.id, FRONT_END, answer.id, shown)
        return answer, messages


@asynccontextmanager
async def scene(
    path: Path,
    cogs: Sequence[Any],
    *,
    rig_options: dict[str, Any] | None = None,
    simcord_options: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Scene]:
    """`cogs` are modules with a `setup`; `settings` change the bot's."""
    board = StatusBoard()
    board.show(WorkerStatus(WorkerPhase.READY, "ready", 1.0))
    time = ManualClock()
    time.at = datetime.now(UTC)  # commands count days from the real one
    async with rig(path / "test.db", **{"time": time, **(rig_options or {})}) as running:
        services = Services(
            running.chat, running.store, board, make_settings(fungpt_home=path, **settings)
        )
        metrics = Metrics(services)

        def fresh() -> FunBot:
            setups = [cog.setup for cog in cogs]
            return FunBot(services, setups, shard_count=1, metrics=metrics)

        bot = fresh()
        env = simcord.Env(bot, **(simcord_options or {}))
        await env.start()
        try:
            arranged = _arranged(env, bot, running, board, fresh)
            yield arranged
        finally:
            await env.shutdown()
            await bot.close()
        if surprises := [error for error in env.errors if not _is_said(error, arranged)]:
            raise ExceptionGroup("the bot raised", surprises)


def _arranged(
    env: simcord.Env, bot: FunBot, running: Rig, board: StatusBoard, fresh: Callable[[], FunBot]
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
