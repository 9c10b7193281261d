"""The admin route and the look at the registry, over a scripted worker."""

import asyncio
import hashlib
import logging

import pytest

from model.loading.registry import Registry
from model.protocol.chat_request import ChatRequest
from model.scripted.engine import Outside
from model.server.adapter_desk import AdapterDesk
from model.server.answer.generation import TextDelta
from tests.model.loading.test_registry import NEW, OLD, write

LIMIT_S = 10
LONG = "x" * 500
ADAPTERS = "/v1/adapters"
KEY = {"Authorization": "Bearer secret"}
BODY = {"name": "tuned", "path": f"tuned/{NEW}"}


def hash_of(folder: str) -> str:
    """What the scripted worker takes for an adapter's hash."""
    return hashlib.sha256(folder.encode()).hexdigest()


@pytest.fixture
def registry(tmp_path) -> Registry:
    return Registry(tmp_path)


@pytest.fixture
def start(start_worker, tmp_path):
    async def start(**script: object):
        settings = {"worker_api_key": "secret", "fungpt_home": tmp_path}
        return await start_worker(settings=settings, **script)

    return start


async def served(worker) -> dict[str, str | None]:
    """What /v1/models says: hashes by name."""
    async with worker.session.get("/v1/models", headers=KEY) as response:
        cards = (await response.json())["data"]
    return {card["id"]: card["fungpt"]["adapter_hash"] for card in cards}


async def post(worker, **changes: object) -> tuple[int, dict]:
    async with worker.session.post(ADAPTERS, json=BODY | changes, headers=KEY) as response:
        return response.status, await response.json()


def ask(**fields: object) -> ChatRequest:
    whole = {"model": "tuned", "messages": [{"role": "user", "content": "hi"}]} | fields
    return ChatRequest.model_validate(whole)


async def test_the_new_version_is_served_and_shown_at_once(start):
    worker = await start()
    assert await served(worker) == {"base": None, "tuned": hash_of("tuned")}
    status, answer = await post(worker)
    assert status == 200
    assert answer["data"][1]["id"] == "tuned"
    assert answer["data"][1]["fungpt"]["adapter_hash"] == hash_of(NEW)
    assert await served(worker) == {"base": None, "tuned": hash_of(NEW)}
    async with worker.service.generate(ask()) as generation:
        assert generation.extension.adapter_hash == hash_of(NEW)


async def test_requests_in_flight_keep_the_version_they_name(start, gate):
    worker = await start(step_seconds=1, reply=LONG, outside=Outside(sleep=gate.sleep))
    async with worker.service.generate(ask()) as old:
        posting = asyncio.create_task(post(worker))
        while not posting.done():
            gate.allow()
            await asyncio.sleep(0.001)
        assert (await posting)[0] == 200
        assert not old.ended
        gate.open()
        async with worker.service.generate(ask()) as new:
            assert new.extension.adapter_hash == hash_of(NEW)
        text = ""
        async with asyncio.timeout(LIMIT_S):
            while isinstance(news := await old.read(), TextDelta):
                text += news.text
        assert (text, old.extension.adapter_hash) == (LONG, hash_of("tuned"))


async def test_a_new_name_becomes_a_variant(start):
    worker = await start()
    assert (await post(worker, name="spicy", path=f"spicy/{OLD}"))[0] == 200
    assert list(await served(worker)) == ["base", "tuned", "spicy"]
    async with await chat(worker, "spicy") as response:
        assert (await response.json())["choices"][0]["message"]["content"] == "spicy: hi"


async def chat(worker, model: str):
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    return await worker.session.post("/v1/chat/completions", json=body, headers=KEY)


async def test_giving_up_a_name_ends_it(start):
    worker = await start()
    await post(worker, name="spicy", path=f"spicy/{OLD}")
    async with worker.session.delete(f"{ADAPTERS}/spicy", headers=KEY) as response:
        assert response.status == 200
    assert list(await served(worker)) == ["base", "tuned"]
    async with await chat(worker, "spicy") as response:
        assert response.status == 404
    async with worker.session.delete(f"{ADAPTERS}/spicy", headers=KEY) as response:
        assert response.status == 404
        assert (await response.json())["error"]["code"] == "model_not_found"


async def test_giving_up_a_configured_name_puts_its_own_adapter_back(start_worker, tmp_path):
    worker = await start_worker(
        settings={
            "worker_api_key": "secret",
            "fungpt_home": tmp_path,
            "adapters": {"tuned": "/somewhere/own"},
        }
    )
    await post(worker)
    async with worker.session.delete(f"{ADAPTERS}/tuned", headers=KEY) as response:
        assert response.status == 200
    assert await served(worker) == {"base": None, "tuned": hash_of("own")}


@pytest.mark.parametrize("method", ["post", "delete"])
async def test_without_a_key_nobody_may_change_anything(start_worker, tmp_path, method):
    worker = await start_worker(settings={"fungpt_home": tmp_path})
    address = ADAPTERS if method == "post" else f"{ADAPTERS}/tuned"
    async with worker.session.request(method, address, json=BODY) as response:
        error = (await response.json())["error"]
    assert (response.status, error["code"]) == (403, "admin_closed")
    assert "WORKER_API_KEY" in error["message"]
    async with worker.session.get("/v1/models") as response:
        assert (await response.json())["data"][1]["fungpt"]["adapter_hash"] == hash_of("tuned")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer other"}])
async def test_another_key_or_none_is_refused(start, headers):
    worker = await start()
    async with worker.session.post(ADAPTERS, json=BODY, headers=headers) as response:
        assert response.status == 401
        assert (await response.json())["error"]["code"] == "invalid_api_key"
    assert (await served(worker))["tuned"] == hash_of("tuned")


@pytest.mark.parametrize(
    ("changes", "param", "words"),
    [
        ({"name": "base"}, "name", "cannot name an adapter"),
        ({"name": "../x"}, "name", "cannot name an adapter"),
        ({"name": 3}, "name", "must be a string"),
        ({"path": "/etc/passwd"}, "path", "no adapter of the registry"),
        ({"path": "../../secrets/x"}, "path", "no adapter of the registry"),
        ({"path": "tuned"}, "path", "no adapter of the registry"),
        ({"path": None}, "path", "must be a string"),
        ({"force": True}, "force", "supported are: name, path"),
    ],
)
async def test_bad_bodies_name_the_field(start, changes, param, words):
    worker = await start()
    status, answer = await post(worker, **changes)
    error = answer["error"]
    assert (status, error["param"], error["code"]) == (400, param, "invalid_parameter")
    assert words in error["message"]
    assert (await served(worker))["tuned"] == hash_of("tuned")


async def test_while_it_loads_it_takes_no_change(start_worker, tmp_path):
    settings = {"worker_api_key": "secret", "fungpt_home": tmp_path}
    worker = await start_worker(settings=settings, ready=False, fail_load="no")
    status, answer = await post(worker)
    assert (status, answer["error"]["code"]) == (503, "not_ready")


async def test_a_start_serves_what_is_promoted(start, registry):
    write(registry, "tuned", OLD, NEW)
    write(registry, "spicy", OLD)
    worker = await start()
    assert await served(worker) == {"base": None, "tuned": hash_of(NEW), "spicy": hash_of(OLD)}


@pytest.fixture
def desk_of():
    def make(worker, registry: Registry, **configured: str) -> AdapterDesk:
        return AdapterDesk(worker.service, registry, configured)

    return make


def said(caplog) -> list[str]:
    """What the desk logged, whatever others did meanwhile."""
    return [one.getMessage() for one in caplog.records if one.name == "model.server.adapter_desk"]


async def test_a_look_takes_up_what_changed_and_only_that(start, registry, desk_of, caplog):
    write(registry, "spicy", OLD)
    worker = await start()
    desk = desk_of(worker, registry)
    write(registry, "tuned", NEW)
    caplog.set_level(logging.INFO, "model.server.adapter_desk")
    await desk.look()
    assert await served(worker) == {"base": None, "tuned": hash_of(NEW), "spicy": hash_of(OLD)}
    assert said(caplog) == [f"adapter {NEW} answers as tuned ({hash_of(NEW)})"]
    caplog.clear()
    await desk.look()
    assert said(caplog) == []


async def test_a_look_takes_back_what_was_rolled_back(start, registry, desk_of):
    write(registry, "tuned", NEW)
    write(registry, "spicy", NEW)
    worker = await start()
    desk = desk_of(worker, registry, tuned="/somewhere/own")
    write(registry, "tuned")
    write(registry, "spicy")
    await desk.look()
    assert await served(worker) == {"base": None, "tuned": hash_of("own")}


async def test_a_look_at_a_damaged_file_is_logged_once_and_changes_nothing(
    start, registry, desk_of, caplog
):
    worker = await start()
    desk = desk_of(worker, registry)
    (write(registry, "tuned", NEW) / "current").write_text("{")
    await desk.look()
    await desk.look()
    assert caplog.text.count("what answers as tuned stays") == 1
    assert (await served(worker))["tuned"] == hash_of("tuned")


async def test_a_change_during_loading_is_taken_up_afterwards(start_worker, tmp_path, registry):
    settings = {"fungpt_home": tmp_path}
    worker = await start_worker(settings=settings, ready=False, hang_load=False)
    desk = AdapterDesk(worker.service, registry, {})
    write(registry, "tuned", NEW)
    following = asyncio.create_task(desk.follow(0.005))
    try:
        async with asyncio.timeout(LIMIT_S):
            while await served_if_ready(worker) != hash_of(NEW):  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.005)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def served_if_ready(worker) -> str | None:
    if worker.service.health().status != "ok":
        return None
    return (await served(worker)).get("tuned")


async def test_a_change_while_draining_waits_for_the_next_start(start, registry, desk_of):
    worker = await start()
    desk = desk_of(worker, registry)
    write(registry, "tuned", NEW)
    await worker.service.drain(0)
    await desk.look()
    assert desk.changed(registry.stamps()) == ["tuned"]


async def test_changes_from_both_sides_come_one_after_the_other(start, registry, desk_of):
    worker = await start()
    desk = desk_of(worker, registry)
    write(registry, "tuned", NEW)
    await asyncio.gather(*(desk.take("tuned", f"tuned/{NEW}") for _ in range(5)), desk.look())
    assert (await served(worker))["tuned"] == hash_of(NEW)
