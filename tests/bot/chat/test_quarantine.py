"""One prompt that kills the worker again and again fails alone."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field

from data.records import RequestState
from model.client import AnswerDelta, Done, Origin, ThoughtDelta, TurnLike
from model.errors import WorkerDied
from model.sampling import SamplingParams
from tests.bot.rig import ended, finished, rig
from tests.fakes.worker import FakeWorker

POISON = "poison"


@dataclass
class FragileWorker(FakeWorker):
    """Dies with all that it answers once a poisoned prompt is there and `crowd` are asked.

    The first round waits for the crowd. `beside` has the prompts that were asked beside another
    one after the first death.
    """

    crowd: int = 1
    deaths: int = 0
    beside: list[str] = field(default_factory=list)
    death: asyncio.Event = field(default_factory=asyncio.Event)
    origin: Origin | None = None

    async def stream(
        self, turns: Iterable[TurnLike], variant: str, sampling: SamplingParams
    ) -> AsyncGenerator[AnswerDelta | ThoughtDelta | Done, None]:
        text = list(turns)[-1].content
        self.open_streams += 1
        self.beside += [text] if self.deaths and self.open_streams > 1 else []
        death = self.death
        try:
            yield AnswerDelta("half", None)
            self.asked.set()
            while self.deaths == 0 and self.open_streams < self.crowd:
                self.asked.clear()
                await self.asked.wait()
            for _ in range(20 if POISON in text else 40):  # an answer takes its time
                await asyncio.sleep(0)
            if POISON in text:
                self.deaths += 1
                self.death = asyncio.Event()
                death.set()
            if death.is_set():
                raise WorkerDied("connection lost")
            yield Done("stop", 7, 1, "base", None, sampling.seed)
        finally:
            self.open_streams -= 1


async def test_only_the_prompt_that_kills_the_worker_fails(tmp_path):
    worker = FragileWorker(crowd=4)
    async with rig(tmp_path / "test.db", worker=worker, worker_concurrency=4) as it:
        good = [await it.submit("hello", user=name) for name in ("ann", "bob", "cid")]
        bad = await it.submit(POISON, user="eve")
        end = await ended(bad)
        assert end.state is RequestState.FAILED
        assert "broke down twice" in end.message
        for ticket in good:
            assert (await finished(ticket)).answer.text == "half"
            assert (await it.store.request(ticket.request.id)).attempts == 2
        assert worker.deaths == 2
        assert worker.beside == [], "after a death, each suspect is alone"


async def test_two_such_prompts_fail_and_no_other(tmp_path):
    worker = FragileWorker(crowd=4)
    async with rig(tmp_path / "test.db", worker=worker, worker_concurrency=4) as it:
        tickets = [
            await it.submit(text, user=name)
            for name, text in zip("abcd", ("hi", POISON, "hello", POISON), strict=True)
        ]
        later = await it.submit("later", user="e")
        for place in (1, 3):
            assert (await ended(tickets[place])).state is RequestState.FAILED
        for ticket in (tickets[0], tickets[2], later):
            await finished(ticket)
