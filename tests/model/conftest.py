"""A scripted worker in this process, whose steps a test lets happen one by one if it wants to."""

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from model.client import WorkerClient
from model.loading.registry import Registry
from model.scripted.engine import Outside, load_scripted
from model.scripted.script import Script
from model.server.adapter_desk import AdapterDesk
from model.server.app import create_app, create_runner
from model.server.entry.connections import ConnectionLimits
from model.server.metrics import WorkerMetrics
from model.server.service import EngineService
from model.settings import WorkerSettings
from tests.fakes.plain_server import Handler, serving
from tests.fakes.settings import worker_settings

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 10.0
NO_HOME = Path("/nonexistent")  # what this machine promoted is no test's business
HI = [{"role": "user", "content": "hi"}]


class Gate:
    """Stands in for the scripted engine's clock: a step happens when the test allows it."""

    def __init__(self) -> None:
        self._allowed = threading.Semaphore(0)
        self._open = threading.Event()

    def sleep(self, _: float) -> None:
        while not self._open.is_set() and not self._allowed.acquire(timeout=0.01):
            pass

    def allow(self, steps: int = 1) -> None:
        self._allowed.release(steps)

    def open(self) -> None:
        self._open.set()


@dataclass
class Worker:
    """A running worker, and a session whose base is its address."""

    service: EngineService
    session: aiohttp.ClientSession
    url: str

    async def chat(self, **fields: object) -> aiohttp.ClientResponse:
        body = {"model": "base", "messages": HI} | fields
        return await self.session.post("/v1/chat/completions", json=body)

    async def metrics(self) -> str:
        async with self.session.get("/metrics") as response:
            return await response.text()


def make_settings(**fields: object) -> WorkerSettings:
    return worker_settings(**({"base_model": "scripted", "fungpt_home": NO_HOME} | fields))


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.open()  # whatever a test left waiting


@pytest.fixture(name="make_settings")
def make_settings_fixture() -> Callable[..., WorkerSettings]:
    return make_settings


@pytest.fixture(name="until")
def until_fixture() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    return until


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that no event announces."""
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.002)


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    yield
    deadline = time.monotonic() + LIMIT_S
    while left := [t.name for t in threading.enumerate() if t.name.startswith(("engine", "enc"))]:
        assert time.monotonic() < deadline, f"threads left behind: {left}"
        time.sleep(0.005)


StartWorker = Callable[..., Awaitable[Worker]]


@pytest.fixture
async def start_worker(gate: Gate) -> AsyncIterator[StartWorker]:
    """Start a worker: `await start_worker(script_field=…, settings={…}, gate=…, ready=True)`."""
    before = asyncio.all_tasks()
    async with AsyncExitStack() as stack:

        async def start(
            settings: dict[str, object] | None = None,
            outside: Outside | None = None,
            *,
            ready: bool = True,
            limits: ConnectionLimits | None = None,
            **script: object,
        ) -> Worker:
            chosen = make_settings(**(settings or {}))
            written = Script.model_validate(script)
            service = EngineService(
                lambda progress: load_scripted(written, chosen, progress, outside),
                WorkerMetrics(),
                chosen.default_max_tokens,
            )
            desk = AdapterDesk(service, Registry(chosen.fungpt_home), chosen.adapters)
            runner = create_runner(create_app(service, desk, chosen, limits))
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            stack.push_async_callback(service.close)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            session = await stack.enter_async_context(
                aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(LIMIT_S))
            )
            service.start()
            if ready:
                await until(lambda: service.health().status == "ok")
            return Worker(service, session, url)

        yield start
        gate.open()
    await until(lambda: asyncio.all_tasks() - {asyncio.current_task()} <= before)


@dataclass
class WorkerProcess:
    """`python -m model` as its supervisor sees it."""

    process: asyncio.subprocess.Process
    url: str = ""

    async def ended(self) -> tuple[int, str]:
        """Exit code and standard error, once it has gone."""
        async with asyncio.timeout(LIMIT_S):
            _, errors = await self.process.communicate()
        return self.process.returncode or 0, errors.decode()


StartProcess = Callable[..., Awaitable[WorkerProcess]]


@pytest.fixture
async def start_process(tmp_path: Path) -> AsyncIterator[StartProcess]:
    """Start `python -m model` with a script; `wait=False` does not wait for its address."""
    started: list[asyncio.subprocess.Process] = []

    async def start(
        *arguments: str, script: str = "{}", wait: bool = True, **variables: str
    ) -> WorkerProcess:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "model", "--port", "0", *arguments),
            cwd=tmp_path,
            env={
                "PYTHONPATH": str(ROOT),
                "PATH": os.environ["PATH"],
                "BASE_MODEL": "scripted",
                "FUNGPT_SCRIPT": script,
                **variables,
            },
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        started.append(process)
        if not wait:
            return WorkerProcess(process)
        assert process.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            line = await process.stdout.readline()
        told = json.loads(line)
        assert told["event"] == "listening"
        return WorkerProcess(process, f"http://{told['host']}:{told['port']}")

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
async def connect():
    """Makes clients that are closed at the end."""
    clients = []

    def connect(url: str, key: str | None = None, **options: Any) -> WorkerClient:
        clients.append(WorkerClient(url, key, **options))
        return clients[-1]

    yield connect
    for client in clients:
        await client.close()


@pytest.fixture
async def serve():
    """A server that is not ours, see tests/fakes/plain_server.py."""
    async with AsyncExitStack() as servers:

        async def serve(**handlers: Handler) -> str:
            return await servers.enter_async_context(serving(**handlers))

        yield serve
