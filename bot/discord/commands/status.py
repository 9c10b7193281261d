"""`/status`: how the bot and its worker are; and the server of the figures for Prometheus."""

import math
from datetime import timedelta

import discord
from discord import app_commands
from discord.ext import commands, tasks

from bot.chat.queueing.queue import Load
from bot.clock import SYSTEM_CLOCK, Clock
from bot.discord.commands.base import CommandCog, defer_privately
from bot.discord.metrics import Metrics, MetricsServer
from bot.errors import VariantsUnknown
from bot.front_end import Services
from bot.worker.status import WorkerPhase, WorkerStatus

_WORKER = {
    WorkerPhase.STARTING: "🟡 is starting",
    WorkerPhase.LOADING: "🟡 is loading",
    WorkerPhase.READY: "🟢 is ready",
    WorkerPhase.RESTARTING: "🟠 is starting again",
    WorkerPhase.FAILED: "🔴 has failed",
    WorkerPhase.STOPPED: "🔴 has stopped",
}
_WRONG_SETTING = (
    "The worker 🔴 cannot be used: a setting is wrong, and my operator's log says which"
)
_LATENCY_EVERY_S = 15


class StatusCommand(CommandCog):
    """Shows the status to the asker alone; why the worker failed stays in the log."""

    def __init__(
        self,
        client: discord.AutoShardedClient,
        services: Services,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(services)
        self._client = client
        self._clock = clock
        self._since = clock.monotonic()

    @app_commands.command(name="status", description="How I am doing")
    async def status(self, interaction: discord.Interaction) -> None:
        """Show the state of worker, queue, models and connection."""
        await defer_privately(interaction)
        shards, latency = len(self._client.shards), latency_line(self._client.latency)
        reads = "yes" if self._client.intents.message_content else "no"
        lines = [
            worker_line(self.services.board.current),
            load_line(self.services.chat.load),
            f"Models: {await self._models()}",
            f"Connection: {latency}, {shards} shard{'s' * (shards != 1)}",
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
    """What the worker is doing, without the reason of a failure. Pure."""
    if status.configuration:
        return _WRONG_SETTING
    line = f"The worker {_WORKER[status.phase]}"
    if status.phase in (WorkerPhase.LOADING, WorkerPhase.STARTING) and status.stage:
        line += f": {status.stage}"
        if status.progress is not None:
            line += f" ({status.progress:.0%})"
    return line


def load_line(load: Load) -> str:
    """How many answers are being written, and how many wait. Pure."""
    return f"Answers being written: {load.running}, waiting: {load.waiting}"


def latency_line(seconds: float) -> str:
    """The heartbeat's time, which is not finite before the first heartbeat. Pure."""
    return f"{seconds * 1000:.0f} ms" if math.isfinite(seconds) else "not measured yet"


class MetricsCog(commands.Cog):
    """Serves the figures on a port while the bot runs."""

    def __init__(self, client: discord.AutoShardedClient, metrics: Metrics, port: int) -> None:
        self._client = client
        self._metrics = metrics
        self._port = port
        self._server = MetricsServer(metrics)

    async def cog_load(self) -> None:
        """Listen on the port; raises SettingsError where it is taken."""
        await self._server.start(self._port)
        self.note_latencies.start()

    async def cog_unload(self) -> None:
        """Stop listening."""
        self.note_latencies.cancel()
        await self._server.close()

    @tasks.loop(seconds=_LATENCY_EVERY_S)
    async def note_latencies(self) -> None:
        """Put each shard's last heartbeat into the figures."""
        for shard, seconds in self._client.latencies:
            if math.isfinite(seconds):
                self._metrics.show_latency(shard, seconds)
