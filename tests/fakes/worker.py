"""A worker and its watch without weights or sockets, told beforehand what to do."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field

from bot.errors import WorkerGone
from model.client import AnswerDelta, Done, Origin, ThoughtDelta, TurnLike
from model.errors import WorkerUnavailable
from model.protocol.cards import CardExtension, ModelCard
from model.sampling import SamplingParams

BASE_ID = "tiny"
HASHES = {"base": None, "tuned": "hash-of-tuned"}


class Hang:
    """Send nothing more, for ever."""


class BreakOff:
    """End the stream without a Done, as no real client does."""


Step = str | Exception | asyncio.Event | Hang | BreakOff | ThoughtDelta
Play = tuple[Step, ...]


@dataclass(frozen=True)
class Call:
    """One asked answer."""

    turns: tuple[tuple[str, str], ...]
    variant: str
    sampling: SamplingParams


def card(name: str) -> ModelCard:
    extension = CardExtension(model_id=BASE_ID, adapter_hash=HASHES.get(name), max_context=4096)
    return ModelCard(id=name, fungpt=extension)


@dataclass
class FakeWorker:
    """An AnswerSource: each call takes the next play, and `otherwise` when there is none left.

    A str is a delta, an exception is raised, an event is waited for. `finish_reason` ends each.
    """

    plays: deque[Play] = field(default_factory=deque)
    otherwise: Play = ("Hello", " there")
    variants: tuple[str, ...] = ("base", "tuned")
    models_error: Exception | None = None
    origin: Origin | None = None
    finish_reason: str = "stop"
    calls: list[Call] = field(default_factory=list)
    models_calls: int = 0
    open_streams: int = 0
    most_open: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def models(self) -> list[ModelCard]:
        self.models_calls += 1
        if self.models_error is not None:
            raise self.models_error
        return [card(name) for name in self.variants]

    async def stream(
        self, turns: Iterable[TurnLike], variant: str, sampling: SamplingParams
    ) -> AsyncGenerator[AnswerDelta | ThoughtDelta | Done, None]:
        self.calls.append(Call(tuple((t.role, t.content) for t in turns), variant, sampling))
        play = self.plays.popleft() if self.plays else self.otherwise
        self.open_streams += 1
        self.most_open = max(self.most_open, self.open_streams)
        self.asked.set()
        self.asked = asyncio.Event()
        try:
            count = 0
            for step in play:
                match step:
                    case str():
                        count += 1
                        yield AnswerDelta(step, self.origin)
                    case ThoughtDelta():
                        yield step
                    case Exception():
                        raise step
                    case asyncio.Event():
                        await step.wait()
                    case Hang():
                        await asyncio.Event().wait()
                    case BreakOff():
                        return
            yield Done(self.finish_reason, 7, count, BASE_ID, HASHES.get(variant), sampling.seed)
        finally:
            self.open_streams -= 1

    async def calls_made(self, number: int) -> None:
        """Wait until the worker has been asked `number` times."""
        while len(self.calls) < number:
            await self.asked.wait()


@dataclass
class FakeWatch:
    """A WorkerWatch with a switch; `heal` makes it ready again by itself after a report."""

    heal: bool = True
    gone: str | None = None
    reports: list[tuple[str, str]] = field(default_factory=list)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.ready.set()

    async def wait_ready(self) -> None:
        self.waiting.set()
        if self.gone is not None:
            raise WorkerGone(self.gone)
        await self.ready.wait()

    def report_unavailable(self, reason: str) -> None:
        self._report("unavailable", reason)

    def report_stall(self, reason: str) -> None:
        self._report("stall", reason)

    def _report(self, kind: str, reason: str) -> None:
        self.reports.append((kind, reason))
        if not self.heal:
            self.ready.clear()


def away() -> WorkerUnavailable:
    return WorkerUnavailable("nobody there")
