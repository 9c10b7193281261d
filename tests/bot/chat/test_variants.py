import asyncio

import pytest

from bot.chat import variants as module
from bot.chat.variants import Variant, Variants
from bot.errors import UnknownVariant, VariantsUnknown
from data.store.store import Store
from model.protocol.cards import ModelCard
from tests.bot.rig import ManualClock
from tests.fakes.worker import FakeWorker, away


@pytest.fixture
def worker():
    return FakeWorker(variants=("base", "tuned", "new"))


@pytest.fixture
def time():
    return ManualClock()


@pytest.fixture
async def variants(tmp_path, worker, time):
    async with await Store.open(tmp_path / "test.db") as store:
        yield Variants(store, worker, "tuned", time.clock)


async def test_known_are_asked_for_once_a_minute_and_after_forgetting(variants, worker, time):
    assert (await variants.known())[1] == Variant("tuned", "tiny", "hash-of-tuned")
    await variants.known()
    assert worker.models_calls == 1
    time.advance(61)
    await variants.known()
    variants.forget()
    await variants.known()
    assert worker.models_calls == 3
    assert variants.remembered("base") == Variant("base", "tiny", None)
    assert variants.remembered("nope") is None


async def test_the_strongest_choice_counts(variants):
    async def active():
        return await variants.active("ann", "c", "channel")

    assert await active() == "tuned"
    for scope, scope_id, name in [
        ("global", "", "base"),
        ("channel", "channel", "new"),
        ("conversation", "c", "tuned"),
        ("user", "ann", "base"),
    ]:
        await variants.choose(scope, scope_id, name)
        assert await active() == name
    await variants.choose("user", "ann", None)
    assert await active() == "tuned"
    assert await variants.active("bob", "elsewhere") == "base"


async def test_a_choice_that_is_not_served_any_more_is_passed_over(variants, worker):
    await variants.choose("user", "ann", "new")
    worker.variants = ("base", "tuned")
    variants.forget()
    assert await variants.active("ann", "c") == "tuned"
    worker.variants = ("base",)
    variants.forget()
    assert await variants.active("ann", "c") == "base"


async def test_unknown_names_are_refused(variants):
    with pytest.raises(UnknownVariant) as error:
        await variants.choose("user", "ann", "nope")
    assert error.value.known == ("base", "tuned", "new")


async def test_a_worker_that_is_away(variants, worker, time):
    worker.models_error = away()
    with pytest.raises(VariantsUnknown):
        await variants.choose("user", "ann", "base")
    assert await variants.active("ann", "c") == "tuned"
    worker.models_error = None
    await variants.known()
    worker.models_error = away()
    time.advance(61)
    await variants.choose("user", "ann", "base")  # as far as is known


async def test_a_worker_that_does_not_answer(variants, worker, monkeypatch):
    async def never():
        await asyncio.Event().wait()

    monkeypatch.setattr(worker, "models", never)
    monkeypatch.setattr(module, "ASK_LIMIT_S", 0.01)
    with pytest.raises(VariantsUnknown):
        await variants.known()


async def test_a_worker_of_another_make(variants, worker, monkeypatch):
    async def plain():
        return [ModelCard(id="mistral", root="mistral"), ModelCard(id="tuned", parent="mistral")]

    monkeypatch.setattr(worker, "models", plain)
    assert [one.model_id for one in await variants.known()] == ["mistral", "mistral"]


async def test_a_name_that_is_not_known_is_asked_for_once_more(variants, worker, time):
    await variants.known()
    worker.variants = [*worker.variants, "promoted"]
    time.advance(3)
    await variants.check("promoted")
    calls = worker.models_calls
    for _ in range(3):
        with pytest.raises(UnknownVariant):
            await variants.check("nonsense")
    assert worker.models_calls == calls
