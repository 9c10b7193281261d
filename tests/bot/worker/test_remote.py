"""A worker that somebody else runs: it comes, goes and comes back."""

import asyncio
from types import TracebackType
from typing import Any, Self, cast

import pytest

from bot.errors import WorkerGone
from bot.worker.health import HealthLimits
from bot.worker.remote import READY_POLL_S, RemoteWorker
from bot.worker.status import WorkerPhase
from model.client import WorkerClient
from model.errors import ClientError, WorkerUnavailable, WorkerUnusable
from model.protocol.cards import ModelCard
from model.protocol.state import Health
from tests.bot.rig import until_phase
from tests.fakes.worker import FakeWorker

LIMIT_S = 5.0


class Elsewhere(FakeWorker):
    """A worker with a switch."""

    up = True
    closed = False

    async def health(self) -> Health:
        if not self.up:
            raise WorkerUnavailable("nobody there")
        return Health(status="ok")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closed = True


def remote(elsewhere: Elsewhere) -> RemoteWorker:
    def connect(_: str) -> WorkerClient:
        return cast("WorkerClient", cast("Any", elsewhere))

    return RemoteWorker(connect, "http://there", limits=HealthLimits(silent_s=0.05))


async def test_it_is_waited_for_without_end_and_found_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bot.worker.remote.RETRY_S", 0.01)
    elsewhere = Elsewhere()
    elsewhere.up = False
    async with asyncio.timeout(LIMIT_S), remote(elsewhere) as worker:
        status = await until_phase(worker.board, WorkerPhase.RESTARTING)
        assert status.stage == "waiting for the worker at http://there"
        elsewhere.up = True
        await worker.wait_ready()
        assert [card.id for card in await worker.models()] == ["base", "tuned"]
        elsewhere.up = False
        worker.report_unavailable("gone again")
        await until_phase(worker.board, WorkerPhase.RESTARTING)
        elsewhere.up = True
        await worker.wait_ready()
    assert elsewhere.closed
    with pytest.raises(WorkerGone):
        await worker.wait_ready()


async def test_it_is_never_declared_lost():
    elsewhere = Elsewhere()
    async with asyncio.timeout(LIMIT_S), remote(elsewhere) as worker:
        await worker.wait_ready()
        worker.report_stall("no text")
        await worker.wait_ready()
        assert not worker.board.current.phase.is_final


class Foreign(Elsewhere):
    """A server whose health is open to all, and whose models are not."""

    barred: ClientError | None = None

    async def models(self) -> list[ModelCard]:
        if self.barred is not None:
            raise self.barred
        return await super().models()


async def test_a_refused_key_is_told_at_once_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr("bot.worker.remote.LOCKED_OUT_S", 0.01)
    server = Foreign()
    server.barred = WorkerUnusable(401, None, "it does not take WORKER_API_KEY")
    async with asyncio.timeout(LIMIT_S), remote(server) as worker:
        status = await until_phase(worker.board, WorkerPhase.RESTARTING)
        assert status.configuration
        assert status.error == "it does not take WORKER_API_KEY"
        with pytest.raises(WorkerGone, match="tell my operator"):
            await worker.wait_ready()
        server.barred = None
        await until_phase(worker.board, WorkerPhase.READY)
        await worker.wait_ready()
    assert caplog.text.count("it does not take WORKER_API_KEY") == 1


async def test_why_it_is_waited_for_is_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bot.worker.remote.RETRY_S", 0.01)
    server = Foreign()
    server.barred = WorkerUnavailable("the worker answers: bad gateway (status 502)")
    async with asyncio.timeout(LIMIT_S), remote(server) as worker:
        status = await until_phase(worker.board, WorkerPhase.RESTARTING)
        assert "bad gateway" in (status.error or "")
        assert not status.configuration


async def test_a_ready_server_is_looked_at_less_often():
    server = Foreign()
    async with asyncio.timeout(LIMIT_S), remote(server) as worker:
        await worker.wait_ready()
        assert worker._interval() == READY_POLL_S
        assert server.models_calls == 1
        worker.report_unavailable("a doubt")
        await worker.wait_ready()
        assert server.models_calls == 2
