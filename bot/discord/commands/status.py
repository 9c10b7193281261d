"""`/status`: how the bot and its worker are; and the figures for Prometheus beside it."""

import math
from datetime import timedelta

import discord
from discord import app_commands
from discord.ext import commands, tasks

from bot.chat.queue import Load
from bot.clock import SYSTEM_CLOCK, Clock
from bot.discord.client import FunBot
from bot.discord.commands.base import CommandCog
from bot.discord.metrics import Metrics, MetricsServer
from bot.errors import VariantsUnknown
from bot.worker.status import WorkerPhase, WorkerStatus

_WORKER = {
    WorkerPhase.STARTING: "🟡 is starting",
    WorkerPhase.LOADING: "🟡 is loading",
    WorkerPhase.READY: "🟢 is ready",
    WorkerPhase.RESTARTING: "🟠 is starting again",
    WorkerPhase.FAILED: "🔴 has failed",
    WorkerPhase.STOPPED: "🔴 has stopped",
}
_LATENCY_EVERY_S = 15


async def setup(bot: FunBot) -> None:
    """Add `/status`, and the figures if they are wanted."""
    await bot.add_cog(StatusCommand(bot))
    port = bot.services.settings.metrics_port
    if port and bot.metrics is not None:
        await bot.add_cog(MetricsCog(bot, bot.metrics, port))


class StatusCommand(CommandCog):
    """Shown to the asker alone; the reason of a failure stays in the log."""

    def __init__(self, bot: FunBot, clock: Clock = SYSTEM_CLOCK) -> None:
        super().__init__(bot.services)
        self._bot = bot
        self._clock = clock
        self._since = clock.monotonic()

    @app_commands.command(name="status", description="How I am doing")
    async def status(self, interaction: discord.Interaction) -> None:
        """Worker, queue, models, connection."""
        await interaction.response.defer(ephemeral=True)
        shards = len(self._bot.shards)
        reads = "yes" if self._bot.intents.message_content else "no"
        lines = [
            worker_line(self.services.board.current),
            load_line(self.services.chat.load),
            f"Models: {await self._models()}",
            f"Connection: {latency_line(self._bot.latency)}, {shards} shard{'s' * (shards != 1)}",
            f"Awake for {timedelta(seconds=round(self._clock.monotonic() - self._since))}",
            f"Reads always-channels (message-content intent): {reads}",
        ]
        await interaction.followup.send("\n".join(lines))

    async def _models(self) -> str:
        try:
            known = await self.services.chat.variants.known()
        except VariantsUnknown:
            return "not known yet"
        names = ", ".join(variant.name for variant in known)
        return names if len(names) <= 500 else f"{names[:500]}…"


def worker_line(status: WorkerStatus) -> str:
    """What the worker is doing."""
    line = f"The worker {_WORKER[status.phase]}"
    if status.phase in (WorkerPhase.LOADING, WorkerPhase.STARTING) and status.stage:
        line += f": {status.stage}"
        if status.progress is not None:
            line += f" ({status.progress:.0%})"
    return line


def load_line(load: Load) -> str:
    """How busy it is."""
    return f"Answers being written: {load.running}, waiting: {load.waiting}"


def latency_line(seconds: float) -> str:
    """How far Discord is; before the first heartbeat nobody knows."""
    return f"{seconds * 1000:.0f} ms" if math.isfinite(seconds) else "not measured yet"


class MetricsCog(commands.Cog):
    """Shows the figures while the bot runs."""

    def __init__(self, bot: FunBot, metrics: Metrics, port: int) -> None:
        self._bot = bot
        self._metrics = metrics
        self._port = port
        self._server = MetricsServer(metrics)

    async def cog_load(self) -> None:
        """Listen, or refuse the start."""
        await self._server.start(self._port)
        self._note.start()

    async def cog_unload(self) -> None:
        """Stop listening."""
        self._note.cancel()
        await self._server.close()

    @tasks.loop(seconds=_LATENCY_EVERY_S)
    async def _note(self) -> None:
        for shard, seconds in self._bot.latencies:
            if math.isfinite(seconds):
                self._metrics.show_latency(shard, seconds)
