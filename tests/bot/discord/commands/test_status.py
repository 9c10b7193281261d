import math
import socket

import aiohttp
import pytest

from bot.discord.api.rate_limits import RestResponse
from bot.discord.commands.status import MetricsCog, StatusCommand, latency_line, worker_line
from bot.discord.metrics import Metrics, MetricsServer
from bot.errors import SettingsError
from bot.worker.status import WorkerPhase, WorkerStatus
from tests.bot.discord.scene import only, scene, stage_of
from tests.bot.rig import events
from tests.fakes.worker import FakeWorker, Hang, away

STATUS = only(StatusCommand, MetricsCog)
stage = stage_of(STATUS)


def shown(metrics: Metrics) -> dict[str, float]:
    lines = metrics.text().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines
            if not line.startswith("#")}  # fmt: skip


async def test_status_says_how_everything_is(stage):
    stage.rig.worker.otherwise = (Hang(),)
    await stage.rig.submit()
    result = await stage.bob.slash(stage.channel, "status")
    assert result.ephemeral
    lines = result.response.content.splitlines()
    assert lines[0] == "The worker 🟢 is ready"
    assert lines[1] == "Answers being written: 1, waiting: 0"
    assert lines[2] == "Models: base, tuned"
    assert lines[3].startswith("Connection: ")
    assert lines[3].endswith("1 shard")
    assert lines[4].startswith("Awake for 0:00:0")
    assert lines[5].endswith("no")


async def test_status_while_the_worker_is_away(tmp_path):
    worker = FakeWorker(models_error=away())
    async with scene(tmp_path, STATUS, rig_options={"worker": worker}) as stage:
        stage.board.show(WorkerStatus(WorkerPhase.LOADING, "reading weights", 0.5))
        result = await stage.bob.slash(stage.channel, "status")
        assert "🟡 is loading: reading weights (50%)" in result.response.content
        assert "Models: not known yet" in result.response.content


async def test_very_many_models_fit(tmp_path):
    worker = FakeWorker(variants=tuple(f"model-number-{number}" for number in range(200)))
    async with scene(tmp_path, STATUS, rig_options={"worker": worker}) as stage:
        result = await stage.bob.slash(stage.channel, "status")
        assert len(result.response.content) < 2000


@pytest.mark.parametrize("phase", WorkerPhase)
def test_each_phase_has_its_words_and_no_reason_is_given_away(phase):
    line = worker_line(WorkerStatus(phase, "", None, "/secret/path is missing"))
    assert line.startswith("The worker ")
    assert "secret" not in line


def test_a_wrong_setting_is_told_from_a_restart():
    status = WorkerStatus(WorkerPhase.RESTARTING, "", None, "the key", configuration=True)
    assert "a setting is wrong" in worker_line(status)
    assert "the key" not in worker_line(status)


def test_latency_before_the_first_heartbeat():
    assert latency_line(math.nan) == latency_line(math.inf) == "not measured yet"
    assert latency_line(0.0421) == "42 ms"


async def test_ended_requests_are_counted_and_measured(stage):
    metrics = stage.metrics
    await events(await stage.rig.submit(variant="tuned"))
    stage.rig.worker.otherwise = (Hang(),)
    stopped = await stage.rig.submit()
    while not stage.rig.worker.open_streams:
        await stage.rig.worker.asked.wait()
    assert shown(metrics)["fungpt_bot_requests_running"] == 1
    stopped.stop()
    await events(stopped)
    values = shown(metrics)
    assert values['fungpt_bot_requests_ended_total{state="finished",variant="tuned"}'] == 1
    assert values['fungpt_bot_requests_ended_total{state="stopped",variant="tuned"}'] == 1
    for name in ("answer", "queue", "first_token"):
        assert values[f"fungpt_bot_{name}_seconds_count"] == 1
    assert values["fungpt_bot_worker_ready"] == 1
    stage.board.show(WorkerStatus(WorkerPhase.RESTARTING))
    assert shown(metrics)["fungpt_bot_worker_ready"] == 0


async def test_what_only_waits_for_the_next_start_has_not_ended(stage):
    stage.rig.worker.otherwise = (Hang(),)
    ticket = await stage.rig.submit()
    await stage.rig.chat.aclose(0)
    assert not ticket.outcome.state.is_final
    assert not [name for name in shown(stage.metrics) if "ended_total" in name]


async def test_discords_answers_are_counted(stage):
    metrics = Metrics(stage.bot.services)
    for method, path, status in (
        ("PATCH", "/api/v10/channels/1/messages/2", 200),
        ("PATCH", "/api/v10/channels/1/messages/2", 429),
        ("POST", "/api/v10/channels/1/messages", 200),
        ("PATCH", "/api/v10/channels/1/messages/2", 404),
    ):
        metrics.hear(RestResponse(method, path, status, None, None, None))
    values = shown(metrics)
    assert values["fungpt_bot_message_edits_total"] == 1
    assert values["fungpt_bot_discord_rate_limited_total"] == 1
    assert values['fungpt_bot_discord_responses_total{method="PATCH",status="4xx"}'] == 2


async def test_the_figures_are_served_on_the_loopback_address(stage):
    server = MetricsServer(stage.metrics)
    port = await server.start(0)
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}/metrics") as response,
        ):
            assert response.status == 200
            assert response.headers["Content-Type"].startswith("text/plain")
            assert "fungpt_bot_requests_waiting 0.0" in await response.text()
        other = MetricsServer(stage.metrics)
        with pytest.raises(SettingsError, match=rf"METRICS_PORT={port} cannot be opened"):
            await other.start(port)
    finally:
        await server.close()


async def test_a_port_that_is_set_is_opened_and_closed_with_the_bot(stage, unused_port):
    cog = MetricsCog(stage.bot, stage.metrics, unused_port)
    await cog.cog_load()
    stage.metrics.show_latency(3, 0.25)
    await cog.note_latencies()
    assert shown(stage.metrics)['fungpt_bot_gateway_latency_seconds{shard="3"}'] == 0.25
    await cog.cog_unload()
    with pytest.raises(aiohttp.ClientConnectionError):
        async with aiohttp.ClientSession() as session:
            await session.get(f"http://127.0.0.1:{unused_port}/metrics")


async def test_the_port_decides_whether_figures_are_shown(tmp_path, unused_port):
    async with scene(tmp_path, STATUS) as stage:
        assert stage.bot.get_cog("MetricsCog") is None
    async with scene(tmp_path, STATUS, metrics_port=unused_port) as stage:
        assert stage.bot.get_cog("MetricsCog") is not None


@pytest.fixture
def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
