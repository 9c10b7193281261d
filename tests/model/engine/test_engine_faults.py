"""A row that cannot be computed ends alone; only a device that computes nothing ends the engine."""

from collections import defaultdict

import pytest

from model.engine.api import FinishReason, TokenOutput, TokenRequest
from model.engine.batch import BatchRow
from model.engine.cache import BlockPool
from model.engine.engine import TokenEngine
from model.engine.scheduler import Scheduler
from model.errors import EngineFailed
from model.sampling import SamplingParams
from tests.fakes.counting_runner import CountingRunner, answer_alone

VOCAB, BLOCK = 16, 4


class FaultyRunner(CountingRunner):
    """A counting runner that a test breaks: for some rows, or altogether."""

    def __init__(self, vocab: int, cache_tokens: int) -> None:
        super().__init__(vocab, cache_tokens)
        self.raises_for: set[str] = set()
        self.nothing_for: set[str] = set()
        self.refuses: set[str] = set()
        self.most_rows = 99
        self.dead = False

    def begin(self, request: TokenRequest) -> None:
        if request.id in self.refuses:
            raise IndexError("index 99 is out of bounds")
        super().begin(request)

    def run(self, batch: list[BatchRow]) -> dict[str, int | None]:
        ids = {row.id for row in batch}
        if self.dead or ids & self.raises_for or len(batch) > self.most_rows:
            raise RuntimeError("it does not compute")
        return super().run(batch) | dict.fromkeys(ids & self.nothing_for)


class Scene:
    """An engine over a faulty runner, and what it said."""

    def __init__(self, *names: str, prompt: int = 3, **limits: int) -> None:
        pool = BlockPool(32, BLOCK)
        self.pool = pool
        self.runner = FaultyRunner(VOCAB, pool.capacity)
        chosen = {"max_running": 8, "max_waiting": 8, "prefill_chunk": 64} | limits
        self.engine = TokenEngine(
            self.runner, Scheduler(pool, **chosen), pool, adapters=[], max_context=64, eos_ids=()
        )
        self.said: defaultdict[str, list[int]] = defaultdict(list)
        self.errors: dict[str, str | None] = {}
        for place, name in enumerate(names):
            self.engine.add(request(name, place, prompt))

    def step(self) -> list[TokenOutput]:
        outputs = self.engine.step()
        for output in outputs:
            assert output.id not in self.errors, "an output after the end"
            if output.token_id is not None:
                self.said[output.id].append(output.token_id)
            if output.finish_reason is FinishReason.ERROR:
                self.errors[output.id] = output.error
        return outputs

    def drain(self) -> None:
        for _ in range(200):
            if not self.engine.has_work():
                return
            self.step()
        raise AssertionError("the engine never comes to rest")


def request(name: str, place: int = 0, prompt: int = 3, tokens: int = 6) -> TokenRequest:
    ids = tuple((place + i) % VOCAB for i in range(prompt))
    return TokenRequest(name, ids, "base", SamplingParams(max_tokens=tokens))


@pytest.mark.parametrize("culprits", [{"a"}, {"c"}, {"e"}, {"a", "b"}, {"b", "e"}])
@pytest.mark.parametrize("steps_before", [0, 2])
def test_an_exception_ends_the_rows_that_cause_it_and_no_other(culprits, steps_before):
    names = "abcde"
    scene = Scene(*names)
    for _ in range(steps_before):
        scene.step()
    scene.runner.raises_for = culprits
    scene.drain()
    assert scene.errors.keys() == culprits
    for place, name in enumerate(names):
        alone = answer_alone(request(name, place), VOCAB, set())
        assert scene.said[name] == (alone[:steps_before] if name in culprits else alone)
    assert scene.runner.live == set()
    assert scene.pool.used == 0
    assert all(error and "\n" not in error for error in scene.errors.values())


def test_a_long_prompt_whose_chunk_raises_ends_alone():
    scene = Scene("a", "b", prompt=20, prefill_chunk=8)
    scene.step()
    scene.runner.raises_for = {"b"}
    scene.drain()
    assert scene.errors.keys() == {"b"}
    assert scene.said["a"] == answer_alone(request("a", 0, 20), VOCAB, set())


def test_rows_that_only_fail_together_all_go_on():
    scene = Scene(*"abcde")
    scene.runner.most_rows = 2
    scene.drain()
    assert not scene.errors
    assert scene.said["e"] == answer_alone(request("e", 4), VOCAB, set())


def test_a_row_without_a_token_ends_alone():
    scene = Scene(*"abc")
    scene.step()
    scene.runner.nothing_for = {"b"}
    scene.drain()
    assert scene.errors.keys() == {"b"}
    for place, name in enumerate("abc"):
        alone = answer_alone(request(name, place), VOCAB, set())
        assert scene.said[name] == (alone[:1] if name == "b" else alone)


def test_a_device_that_computes_nothing_ends_the_engine():
    scene = Scene(*"abc")
    scene.step()
    scene.runner.dead = True
    with pytest.raises(RuntimeError, match="does not compute"):
        scene.step()


def test_a_device_that_dies_under_the_only_row_ends_the_engine():
    scene = Scene("a")
    scene.runner.dead = True
    with pytest.raises(RuntimeError, match="does not compute"):
        scene.step()


def test_the_engine_checks_itself_after_a_fault_and_leaves_nothing_behind():
    scene = Scene("a")
    scene.runner.raises_for = {"a"}
    scene.step()
    assert scene.errors.keys() == {"a"}
    assert len(scene.runner.steps) == 1, "a base row was computed, and nothing else"
    assert scene.runner.live == set()
    assert scene.pool.used == 0
    scene.engine.add(request("b", 1))
    scene.drain()
    assert scene.said["b"] == answer_alone(request("b", 1), VOCAB, set())


def test_a_row_that_cannot_begin_is_refused_and_forgotten():
    scene = Scene("a")
    scene.runner.refuses = {"b"}
    with pytest.raises(EngineFailed, match="could not begin"):
        scene.engine.add(request("b", 1))
    scene.drain()
    assert scene.said["a"] == answer_alone(request("a"), VOCAB, set())
    assert scene.engine.load().waiting == scene.engine.load().running == 0
