"""The supervisor over real processes: the scripted worker, and small programs that misbehave."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bot.errors import WorkerGone
from bot.worker.health import HealthLimits
from bot.worker.output import WorkerLog
from bot.worker.restarts import RestartPolicy
from bot.worker.status import WorkerPhase, WorkerStatus
from bot.worker.supervisor import WORKER, Supervisor, SupervisorLimits
from data.records import Turn
from model.client import AnswerDelta, Done, WorkerClient
from model.errors import WorkerUnavailable
from model.sampling import SamplingParams
from tests.bot.rig import until_phase
from tests.programs.bot import Program, child_of, gone

LIMIT_S = 60.0  # of a whole test, on a machine that does much else
QUICK = RestartPolicy(first_s=0.01, longest_s=0.02, give_up_after=2)
KEY = "key"


@asynccontextmanager
async def supervised(
    tmp_path: Path, script: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[Supervisor]:
    environment = Program(tmp_path / "home", script or {}).environment | {"WORKER_API_KEY": KEY}
    worker = Supervisor(
        lambda url: WorkerClient(url, KEY),
        environment,
        WorkerLog(tmp_path / "worker.log"),
        rng=Random(1),
        **{"policy": QUICK, **options},
    )
    async with asyncio.timeout(LIMIT_S), worker:
        yield worker


def health(**limits: float) -> SupervisorLimits:
    return SupervisorLimits(grace_s=5, health=HealthLimits(**limits))


def program(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


async def answer(worker: Supervisor) -> str:
    pieces = worker.stream([Turn("user", "hi")], "tuned", SamplingParams(max_tokens=256))
    parts = [piece async for piece in pieces]
    assert isinstance(parts[-1], Done)
    return "".join(part.text for part in parts if isinstance(part, AnswerDelta))


async def test_it_starts_the_worker_tells_of_loading_and_answers(tmp_path: Path):
    loaded = tmp_path / "loaded"
    async with supervised(tmp_path, {"load_until": str(loaded)}) as worker:
        phases = []
        async for status in worker.board.follow():
            phases.append(status.phase)
            if status.phase is WorkerPhase.LOADING:
                loaded.touch()
            if status.phase is WorkerPhase.READY:
                break
        await worker.wait_ready()
        assert phases[0] is WorkerPhase.STARTING
        assert WorkerPhase.LOADING in phases
        assert [card.id for card in await worker.models()] == ["base", "tuned"]
        assert await answer(worker) == "tuned: hi"
    assert worker.board.current.phase is WorkerPhase.STOPPED
    with pytest.raises(WorkerGone):
        await worker.wait_ready()


async def test_no_worker_is_left_after_the_block(tmp_path: Path):
    async with supervised(tmp_path) as worker:
        pid = await child_of(os.getpid())
        await worker.wait_ready()
    await gone(pid)


async def test_a_killed_worker_is_started_again(tmp_path: Path):
    async with supervised(tmp_path) as worker:
        await worker.wait_ready()
        os.kill(await child_of(os.getpid()), signal.SIGKILL)
        status = await until_phase(worker.board, WorkerPhase.RESTARTING)
        assert "killed by signal 9" in status.stage
        with pytest.raises(WorkerUnavailable):
            await worker.models()
        await worker.wait_ready()
        assert await answer(worker) == "tuned: hi"


async def test_after_a_complaint_it_is_ready_only_when_looked_at_anew(tmp_path: Path):
    async with supervised(tmp_path) as worker:
        await worker.wait_ready()
        worker.report_unavailable("connection refused")
        assert worker.board.current.phase is WorkerPhase.LOADING
        await worker.wait_ready()
        assert worker.board.current.phase is WorkerPhase.READY


async def test_a_stalled_worker_is_replaced(tmp_path: Path):
    async with supervised(tmp_path) as worker:
        await worker.wait_ready()
        pid = await child_of(os.getpid())
        worker.report_stall("no text for 60 s")
        await gone(pid)
        await worker.wait_ready()
        assert await answer(worker) == "tuned: hi"


async def test_a_worker_that_hangs_in_a_step_is_replaced(tmp_path: Path):
    script = {"hang_after_tokens": 3, "fault_marker": str(tmp_path / "marker")}
    async with supervised(tmp_path, script, limits=health(stall_s=1.0)) as worker:
        await worker.wait_ready()
        pid = await child_of(os.getpid())
        asking = asyncio.create_task(answer(worker))
        await gone(pid)
        await asyncio.gather(asking, return_exceptions=True)
        await worker.wait_ready()
        assert await answer(worker) == "tuned: hi"


async def test_a_worker_that_is_frozen_is_replaced(tmp_path: Path):
    async with supervised(tmp_path, limits=health(silent_s=2.0)) as worker:
        await worker.wait_ready()
        pid = await child_of(os.getpid())
        os.kill(pid, signal.SIGSTOP)
        await gone(pid)
        await worker.wait_ready()


def size_of_logs(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("worker.log*"))


async def failure(worker: Supervisor) -> WorkerStatus:
    status = await worker.board.settled()
    assert status.phase is WorkerPhase.FAILED
    with pytest.raises(WorkerGone, match="log: "):
        await worker.wait_ready()
    return status


async def test_a_model_that_cannot_be_loaded_ends_it_with_the_workers_own_line(tmp_path: Path):
    async with supervised(tmp_path, {"fail_load": "the moon is in the way"}) as worker:
        status = await failure(worker)
    assert "could not load its model: the moon is in the way" in (status.error or "")
    assert not status.configuration


async def test_a_setting_the_worker_refuses_is_the_operators_business(tmp_path: Path):
    async with supervised(tmp_path, command=(*WORKER, "--nonsense")) as worker:
        status = await failure(worker)
    assert status.configuration
    assert "--nonsense" in (status.error or "")


REFUSING = """
import json
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response({status})
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.end_headers()

server = HTTPServer(("127.0.0.1", 0), Handler)
event = {{"event": "listening", "host": "127.0.0.1", "port": server.server_port}}
print(json.dumps(event), flush=True)
server.serve_forever()
"""


@pytest.mark.parametrize(("status", "line"), [(401, "WORKER_API_KEY"), (302, "elsewhere")])
async def test_a_worker_that_a_setting_makes_useless_is_the_operators_business(
    tmp_path: Path, status: int, line: str
):
    command = program(REFUSING.format(status=status))
    async with supervised(tmp_path, command=command) as worker:
        failed = await failure(worker)
    assert failed.configuration
    assert line in (failed.error or "")
    assert "times in a row" not in (failed.error or ""), "it was started once"


async def test_loading_that_never_ends_ends_it(tmp_path: Path):
    script = {"hang_load": True}
    async with supervised(tmp_path, script, limits=health(ready_s=0.3)) as worker:
        status = await failure(worker)
    assert "does not become ready" in (status.error or "")


@pytest.mark.parametrize(
    ("code", "announce_s", "line"),
    [
        (
            "import sys; sys.exit('no torch here')",
            LIMIT_S,
            "2 times in a row (exit code 1): no torch here",
        ),
        ("import time; print('hello', flush=True); time.sleep(60)", 0.3, "did not announce"),
        ("import os; os.close(1); os.close(2); import time; time.sleep(60)", LIMIT_S, "in a row"),
    ],
)
async def test_programs_that_are_no_workers(
    tmp_path: Path, code: str, announce_s: float, line: str
):
    limits = SupervisorLimits(announce_s=announce_s, grace_s=0.1)
    async with supervised(tmp_path, command=program(code), limits=limits) as worker:
        status = await failure(worker)
    assert line in (status.error or "")


async def test_a_program_that_does_not_exist(tmp_path: Path):
    async with supervised(tmp_path, command=(str(tmp_path / "nothing"),)) as worker:
        status = await failure(worker)
    assert "cannot be started" in (status.error or "")


async def test_a_worker_that_ignores_sigterm_is_killed(tmp_path: Path):
    code = (
        "import signal, time, json; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print(json.dumps({'event': 'listening', 'host': '127.0.0.1', 'port': 9}), flush=True);"
        "time.sleep(600)"
    )
    limits = SupervisorLimits(grace_s=0.2)
    async with supervised(tmp_path, command=program(code), limits=limits):
        pid = await child_of(os.getpid())
    await gone(pid)


async def test_the_log_takes_long_lines_and_bars_and_stays_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.config.logs.LOG_BYTES", 200_000)
    code = (
        "import sys; sys.stderr.write('x' * 300000 + '\\n' + '10%\\r20%\\r');"
        "sys.stderr.write('model: that was it\\nand more\\n'); sys.exit(1)"
    )
    async with supervised(tmp_path, command=program(code)) as worker:
        status = await failure(worker)
    assert "that was it" in (status.error or "")
    assert 0 < size_of_logs(tmp_path) < 1_000_000
