import queue
import threading
import time

import pytest

from model.engine.api import AdapterCard, FinishReason, ReadyAdapter, TokenRequest
from model.errors import ConfigError, DemoModelError, UnknownModel
from model.loaded import LoadedModel
from model.sampling import SamplingParams
from model.scripted.codec import ScriptedCodec
from model.scripted.engine import Outside, ScriptedEngine
from model.scripted.script import Script
from model.server.engine_thread import (
    AdapterAdded,
    AdapterNotAdded,
    AdapterRemoved,
    EngineThread,
    Failed,
    Loaded,
    Progressed,
    RowAccepted,
    RowRefused,
    Stepped,
)

LIMIT_S = 10


class Harness:
    """An engine thread over a scripted engine, and its events in order."""

    def __init__(self, outside: Outside | None = None, **script: object) -> None:
        self.events: queue.Queue[object] = queue.Queue()
        self.engine = ScriptedEngine(Script.model_validate(script), outside=outside)
        self.thread = EngineThread(self.load, self.events.put)

    def load(self, progress) -> LoadedModel:
        progress("half", 0.5)
        return LoadedModel(
            self.engine, ScriptedCodec(), "scripted", {}, self.read_adapter, "nothing"
        )

    def read_adapter(self, name: str, source: str) -> ReadyAdapter:
        return ReadyAdapter(AdapterCard(name, "", source), lambda: None)

    def next(self) -> object:
        return self.events.get(timeout=LIMIT_S)

    def started(self) -> "Harness":
        self.thread.start()
        assert self.next() == Progressed("half", 0.5)
        assert isinstance(self.next(), Loaded)
        return self


def row(name: str, variant: str = "base") -> TokenRequest:
    return TokenRequest(name, (1, 2), variant, SamplingParams(max_tokens=50))


@pytest.fixture
def harness():
    made = Harness(reply="abc").started()
    yield made
    made.thread.close()
    assert made.thread.join(LIMIT_S)


def test_a_row_is_accepted_stepped_and_ended(harness):
    harness.thread.add(row("a"))
    assert harness.next() == RowAccepted("a", None)
    ends = [step.outputs[0].finish_reason for step in iter_steps(harness, 4)]
    assert ends == [None, None, None, FinishReason.STOP]


def test_a_refusal_is_told_and_costs_nothing(harness):
    harness.thread.add(row("a", "other"))
    refused = harness.next()
    assert isinstance(refused, RowRefused)
    assert isinstance(refused.error, UnknownModel)


def test_an_idle_thread_sleeps(harness, monkeypatch):
    looks = []
    monkeypatch.setattr(harness.engine, "has_work", lambda: looks.append(1))
    time.sleep(0.05)  # time in which a busy loop would look again and again
    assert looks == []
    assert harness.events.empty()
    assert harness.thread.busy_s() == 0


def test_an_abort_is_carried_out_within_one_step():
    gate = threading.Semaphore(0)
    harness = Harness(Outside(sleep=lambda _: gate.acquire()), reply="abc", step_seconds=1)
    harness.started()
    harness.thread.add(row("a"))
    assert harness.next() == RowAccepted("a", None)
    harness.thread.abort("a")
    gate.release()
    steps = list(iter_steps(harness, 2))
    assert [step.outputs[0].finish_reason for step in steps] == [None, FinishReason.ABORT]
    assert steps[-1].load.running == 0
    harness.thread.close()
    assert harness.thread.join(LIMIT_S)


def test_a_long_step_shows_as_busy_and_cannot_be_joined():
    gate = threading.Event()
    harness = Harness(Outside(sleep=lambda _: gate.wait()), step_seconds=1).started()
    harness.thread.add(row("a"))
    assert harness.next() == RowAccepted("a", None)
    deadline = time.monotonic() + LIMIT_S
    while not harness.thread.busy_s():
        assert time.monotonic() < deadline
    harness.thread.close()
    assert not harness.thread.join(0.01)
    gate.set()
    assert harness.thread.join(LIMIT_S)


@pytest.mark.parametrize(
    ("error", "line"), [(DemoModelError("disk full"), "disk full"), (OSError("x"), "OSError: x")]
)
def test_a_load_that_fails_is_told(error, line):
    events: queue.Queue[object] = queue.Queue()

    def load(progress):
        raise error

    thread = EngineThread(load, events.put)
    thread.start()
    assert events.get(timeout=LIMIT_S) == Failed(line, loading=True)
    assert thread.join(LIMIT_S)


def test_a_step_that_raises_ends_the_thread():
    harness = Harness(raise_after_tokens=1).started()
    harness.thread.add(row("a"))
    assert harness.next() == RowAccepted("a", None)
    assert isinstance(harness.next(), Stepped)
    assert harness.next() == Failed("RuntimeError: the script says: raise", loading=False)
    assert harness.thread.join(LIMIT_S)


def test_closing_before_the_start_is_nothing():
    assert EngineThread(lambda _: pytest.fail("loaded"), lambda _: None).join(1)


def iter_steps(harness: Harness, count: int):
    for _ in range(count):
        step = harness.next()
        assert isinstance(step, Stepped)
        yield step


def ready(place=lambda: None) -> ReadyAdapter:
    return ReadyAdapter(AdapterCard("tuned", "new", "there"), place)


def test_an_adapter_is_adopted_and_answers_from_then_on(harness):
    harness.thread.add_adapter(ready())
    harness.thread.add(row("a", "tuned"))
    assert harness.next() == AdapterAdded(AdapterCard("tuned", "new", "there"))
    assert harness.next() == RowAccepted("a", AdapterCard("tuned", "new", "there"))


def test_an_adapter_is_placed_on_the_engines_own_thread(harness):
    places: list[str] = []
    harness.thread.add_adapter(ready(lambda: places.append(threading.current_thread().name)))
    assert isinstance(harness.next(), AdapterAdded)
    assert places == ["engine"]


def test_an_adapter_without_room_is_told_and_the_thread_goes_on(harness):
    def full() -> None:
        raise ConfigError("no room")

    harness.thread.add_adapter(ready(full))
    told = harness.next()
    assert isinstance(told, AdapterNotAdded)
    assert (told.card.hash, str(told.error)) == ("new", "no room")
    harness.thread.add(row("a"))
    assert harness.next() == RowAccepted("a", None)


def test_a_dropped_adapter_takes_no_more_rows(harness):
    harness.thread.remove_adapter("tuned")
    assert harness.next() == AdapterRemoved("tuned")
    harness.thread.add(row("a", "tuned"))
    assert isinstance(harness.next(), RowRefused)
