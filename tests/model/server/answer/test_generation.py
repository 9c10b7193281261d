import asyncio

import pytest

from model.engine.api import FinishReason, TokenOutput, TokenRequest
from model.errors import EngineFailed, EngineQueueFull, NotReady
from model.protocol.chat_answer import Extension, Usage
from model.sampling import SamplingParams
from model.scripted.codec import ROLE_IDS, ScriptedCodec
from model.server.answer.generation import AnswerEnd, Generation, TextDelta

EXTENSION = Extension(model_id="m", adapter_hash=None, seed=1)


class Clock:
    now = 10.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def make(clock):
    def make(*stops: str) -> Generation:
        row = TokenRequest("r", (1, 2, 3), "base", SamplingParams(max_tokens=99))
        return Generation(row, ScriptedCodec(), stops, EXTENSION, clock)

    return make


def feed(generation: Generation, text: str | bytes, end: FinishReason | None = None) -> None:
    for byte in text.encode() if isinstance(text, str) else text:
        generation.feed(TokenOutput("r", byte, None))
    if end is not None:
        generation.feed(TokenOutput("r", None, end))


async def drained(generation: Generation) -> tuple[str, AnswerEnd]:
    text = ""
    async with asyncio.timeout(5):
        while isinstance(news := await generation.read(), TextDelta):
            text += news.text
    return text, news


async def test_text_then_one_end(make):
    generation = make()
    feed(generation, "héllo", FinishReason.STOP)
    assert generation.ended
    usage = Usage(prompt_tokens=3, completion_tokens=6, total_tokens=9)
    assert await drained(generation) == ("héllo", AnswerEnd("stop", usage))
    assert await generation.read() == AnswerEnd("stop", usage)


async def test_unread_text_is_joined(make):
    generation = make()
    feed(generation, "ab")
    assert await generation.read() == TextDelta("ab")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await generation.read()
    feed(generation, "c")
    assert await generation.read() == TextDelta("c")


async def test_a_waiting_reader_is_woken(make):
    generation = make()
    reading = asyncio.create_task(generation.read())
    await asyncio.sleep(0)
    feed(generation, "x")
    async with asyncio.timeout(5):
        assert await reading == TextDelta("x")


async def test_length_keeps_the_last_token_and_flushes_half_a_character(make):
    generation = make()
    feed(generation, "a")
    generation.feed(TokenOutput("r", 0xC3, FinishReason.LENGTH))
    text, end = await drained(generation)
    assert (text, end.reason) == ("a\ufffd", "length")


async def test_a_stop_string_ends_it_at_once(make):
    generation = make("END")
    feed(generation, "ab EN")
    assert not generation.ended
    feed(generation, "D and more", FinishReason.LENGTH)
    text, end = await drained(generation)
    assert (text, end.reason, end.usage.completion_tokens) == ("ab ", "stop", 6)


async def test_what_only_began_like_a_stop_comes_at_the_end(make):
    generation = make("END")
    feed(generation, "ab EN", FinishReason.STOP)
    assert (await drained(generation))[0] == "ab EN"


async def test_a_stop_that_the_last_flush_completes(make):
    generation = make("\ufffd")
    feed(generation, b"a\xc3", FinishReason.LENGTH)
    text, end = await drained(generation)
    assert (text, end.reason) == ("a", "stop")


@pytest.mark.parametrize(
    ("reason", "error"), [(FinishReason.ERROR, EngineFailed), (FinishReason.ABORT, NotReady)]
)
async def test_other_ends_are_errors_after_the_text(make, reason, error):
    generation = make()
    feed(generation, "a", reason)
    assert await generation.read() == TextDelta("a")
    with pytest.raises(error):
        await generation.read()


async def test_it_ends_only_once(make):
    generation = make()
    feed(generation, "a", FinishReason.STOP)
    generation.fail(EngineFailed("too late"))
    assert not generation.abandon()
    feed(generation, "b", FinishReason.ERROR)
    text, end = await drained(generation)
    assert (text, end.reason, generation.outcome) == ("a", "stop", "stop")


async def test_a_refusal_reaches_who_waits_for_acceptance(make):
    generation = make()
    generation.fail(EngineQueueFull(2))
    with pytest.raises(EngineQueueFull):
        await generation.accepted()
    generation.accept(None)
    assert not generation.was_accepted


async def test_acceptance(make):
    generation = make()
    assert not generation.was_accepted
    generation.accept(None)
    await generation.accepted()
    assert generation.was_accepted
    assert generation.abandon()
    assert (generation.outcome, generation.ended) == ("aborted", True)


async def test_times_are_measured_from_the_start(make, clock):
    generation = make()
    clock.now = 11.0
    feed(generation, "a")
    clock.now = 13.0
    feed(generation, "b", FinishReason.STOP)
    assert (generation.first_token_s, generation.duration_s) == (1.0, 3.0)


async def test_a_stop_that_is_a_control_token_is_known_by_its_id(make):
    generation = make("never", "<|user|>")
    feed(generation, "yes")
    generation.feed(TokenOutput("r", ROLE_IDS["user"], None))
    feed(generation, "no")
    text, end = await drained(generation)
    assert (text, end.reason, end.usage.completion_tokens) == ("yes", "stop", 3)
