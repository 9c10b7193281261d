"""Real servers of others, from their recorded traffic; `make peers` asks them live."""

import pytest

from model.client import WorkerClient
from model.errors import WorkerUnusable
from tests.fakes.recorded_server import load, replaying
from tests.peers.outcomes import check
from tests.peers.scenarios import KEY, SCENARIOS, see

NAMES = {
    "llama_cpp": {"base": "smollm2", "tuned": "tuned"},
    "vllm": {"base": "smollm2", "tuned": "demo-lora"},
}


@pytest.mark.parametrize("server", NAMES)
async def test_every_scenario_comes_out_as_it_did_live(server):
    names = NAMES[server]
    async with replaying(load(server)) as url, WorkerClient(url, KEY, names=names) as client:
        for scenario in SCENARIOS:
            check(server, scenario, await see(scenario, client))


@pytest.mark.parametrize("server", NAMES)
async def test_a_wrong_key_is_told_from_everything_else(server):
    async with replaying(load(server)) as url, WorkerClient(url, "wrong") as client:
        seen = await see("base answers", client)
        assert isinstance(seen.error, WorkerUnusable)
        assert "WORKER_API_KEY" in str(seen.error)


@pytest.mark.parametrize(
    ("server", "names"), [("llama_cpp", ["smollm2", "tuned"]), ("vllm", ["smollm2", "demo-lora"])]
)
async def test_without_names_of_ours_the_servers_own_are_the_variants(server, names):
    async with replaying(load(server)) as url, WorkerClient(url, KEY) as client:
        cards = await client.models()
        assert [card.id for card in cards] == names
        assert [card.parent for card in cards] == [None, "smollm2"]


async def test_what_was_not_recorded_is_not_answered():
    async with replaying(load("vllm")) as url, WorkerClient(url, "another key") as client:
        assert "not recorded" in str((await see("looks", client)).error)
