"""Figures for Prometheus: queue, latency, edits, rate limits, worker."""

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from bot.chat.events import Finished
from bot.chat.ticket import Ticket
from bot.discord.api.rate_limits import RestResponse
from bot.errors import SettingsError
from bot.front_end import Services
from bot.worker.status import WorkerPhase

HOST = "127.0.0.1"
_SECONDS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 900)


class Metrics:
    """The bot's figures, counted from now on; they hold no names and no texts.

    All are called `fungpt_bot_…`: the worker has figures of its own.
    """

    def __init__(self, services: Services) -> None:
        self.registry = CollectorRegistry()
        self._ended = Counter(
            "fungpt_bot_requests_ended", "Requests that ended", ["state", "variant"],
            registry=self.registry,
        )  # fmt: skip
        self._waited = self._seconds("fungpt_bot_queue_seconds", "From acceptance to the worker")
        self._first = self._seconds(
            "fungpt_bot_first_token_seconds", "From acceptance to first text"
        )
        self._total = self._seconds(
            "fungpt_bot_answer_seconds", "From acceptance to the whole answer"
        )
        self._edits = Counter(
            "fungpt_bot_message_edits", "Edits that Discord took", registry=self.registry
        )
        self._limited = Counter(
            "fungpt_bot_discord_rate_limited", "Answers 429 of Discord", registry=self.registry
        )
        self._responses = Counter(
            "fungpt_bot_discord_responses", "Answers of Discord's REST API", ["method", "status"],
            registry=self.registry,
        )  # fmt: skip
        self._gauges(services)
        services.chat.observers.append(self.observe)

    def observe(self, ticket: Ticket) -> None:
        """Count a request that has ended."""
        outcome = ticket.outcome
        if isinstance(outcome, Finished):
            answer = outcome.answer
            self._ended.labels(outcome.request.state, answer.variant).inc()
            self._waited.observe(answer.queue_ms / 1000)
            self._total.observe(answer.total_ms / 1000)
            if answer.first_token_ms is not None:
                self._first.observe(answer.first_token_ms / 1000)
        elif outcome is not None and outcome.state.is_final:
            self._ended.labels(outcome.state, ticket.request.variant).inc()

    def hear(self, response: RestResponse) -> None:
        """Count a REST answer of Discord's."""
        self._responses.labels(response.method, f"{response.status // 100}xx").inc()
        if response.status == 429:
            self._limited.inc()
        elif response.edited is not None and response.status < 300:
            self._edits.inc()

    def show_latency(self, shard: int, seconds: float) -> None:
        """Note how long a shard's last heartbeat took."""
        self._latency.labels(shard).set(seconds)

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self.registry)

    def _seconds(self, name: str, meaning: str) -> Histogram:
        return Histogram(name, meaning, buckets=_SECONDS, registry=self.registry)

    def _gauges(self, services: Services) -> None:
        chat, board = services.chat, services.board
        waiting = Gauge("fungpt_bot_requests_waiting", "In the queue", registry=self.registry)
        waiting.set_function(lambda: chat.load.waiting)
        running = Gauge("fungpt_bot_requests_running", "With the worker", registry=self.registry)
        running.set_function(lambda: chat.load.running)
        ready = Gauge("fungpt_bot_worker_ready", "1 if the worker is ready", registry=self.registry)
        ready.set_function(lambda: board.current.phase is WorkerPhase.READY)
        self._latency = Gauge(
            "fungpt_bot_gateway_latency_seconds",
            "Last heartbeat",
            ["shard"],
            registry=self.registry,
        )


class MetricsServer:
    """Serves Metrics as /metrics on the loopback address."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        app = web.Application()
        app.router.add_get("/metrics", self._show)
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self, port: int) -> int:
        """Listen on a port, 0 for any free one; gives the port.

        Raises SettingsError where it is taken.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise SettingsError(f"METRICS_PORT={port} cannot be opened: {error}") from error
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _show(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )
