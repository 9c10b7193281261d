"""The engine over a runner that watches it: every row ends once and says what it says alone."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.engine.api import AdapterCard, EngineLoad, FinishReason, TokenOutput, TokenRequest
from model.engine.cache import BlockPool
from model.engine.engine import TokenEngine, _batch_row
from model.engine.scheduler import ScheduledRow, Scheduler
from model.engine.sequence import Sequence
from model.errors import BadParameter, ContextLengthExceeded, EngineQueueFull, UnknownModel
from model.sampling import SamplingParams
from tests.fakes.counting_runner import CountingRunner, answer_alone

VOCAB, EOS, BLOCK = 16, {3}, 4
LIMITS = {"max_running": 3, "max_waiting": 4, "prefill_chunk": 6}


class Bench:
    """An engine, its watcher, and everything it said."""

    def __init__(
        self, *, blocks: int = 16, context: int = 48, eos: set[int] = EOS, **limits: int
    ) -> None:
        self.pool = BlockPool(blocks, BLOCK)
        self.runner = CountingRunner(VOCAB, self.pool.capacity)
        self.scheduler = Scheduler(self.pool, **(LIMITS | limits))
        self.engine = TokenEngine(
            self.runner,
            self.scheduler,
            self.pool,
            adapters=[AdapterCard("tuned", "tuned", "")],
            max_context=context,
            eos_ids=eos,
        )
        self.accepted: dict[str, TokenRequest] = {}
        self.said: defaultdict[str, list[int]] = defaultdict(list)
        self.ended: defaultdict[str, list[FinishReason]] = defaultdict(list)

    def add(self, request: TokenRequest) -> None:
        self.engine.add(request)
        self.accepted[request.id] = request

    def step(self) -> list[TokenOutput]:
        outputs = self.engine.step()
        for output in outputs:
            assert not self.ended[output.id], "an output after the end"
            if output.token_id is not None:
                self.said[output.id].append(output.token_id)
            if output.finish_reason is not None:
                self.ended[output.id].append(output.finish_reason)
        return outputs

    def drain(self) -> None:
        for _ in range(2000):
            if not self.engine.has_work():
                return
            self.step()
        raise AssertionError("the engine never comes to rest")


def request(
    name: str = "a", prompt: int = 5, tokens: int = 6, variant: str = "base"
) -> TokenRequest:
    ids = tuple((prompt * 7 + i * i) % VOCAB for i in range(prompt))
    return TokenRequest(name, ids, variant, SamplingParams(max_tokens=tokens))


adding = st.tuples(
    st.just("add"), st.integers(1, 30), st.integers(1, 20), st.sampled_from(["base", "tuned"])
)
aborting = st.tuples(st.just("abort"), st.integers(0, 30))
deeds = st.lists(st.one_of(adding, adding, aborting, st.tuples(st.just("step"))), max_size=60)


@settings(deadline=None, max_examples=150)
@given(
    deeds=deeds,
    chunk=st.integers(1, 12),
    running=st.integers(1, 4),
    waiting=st.integers(0, 4),
    blocks=st.integers(3, 20),
)
def test_whatever_happens_each_row_ends_once_and_says_what_it_says_alone(
    deeds, chunk, running, waiting, blocks
):
    bench = Bench(blocks=blocks, max_running=running, max_waiting=waiting, prefill_chunk=chunk)
    aborted: set[str] = set()
    for number, (deed, *details) in enumerate(deeds):
        if deed == "add":
            asked = request(str(number), *details)
            full = bench.engine.load().waiting >= waiting + running - bench.engine.load().running
            fits = asked.params.max_tokens + len(asked.input_ids) <= min(48, blocks * BLOCK)
            if fits and not full:
                bench.add(asked)
            else:
                with pytest.raises(EngineQueueFull if fits else ContextLengthExceeded):
                    bench.engine.add(asked)
        elif deed == "abort":
            name = str(details[0])
            if name in bench.accepted and not bench.ended[name]:
                aborted.add(name)
            bench.engine.abort(name)
        else:
            bench.step()
    bench.drain()

    for name, asked in bench.accepted.items():
        alone = answer_alone(asked, VOCAB, EOS)
        (end,) = bench.ended[name]
        if name in aborted:
            assert end is FinishReason.ABORT
            assert bench.said[name] == alone[: len(bench.said[name])]
        else:
            whole = len(alone) == asked.params.max_tokens
            assert end is (FinishReason.LENGTH if whole else FinishReason.STOP)
            assert bench.said[name] == alone
    assert bench.ended.keys() == bench.accepted.keys()
    assert bench.engine.load() == EngineLoad(0, 0, 0, blocks)
    assert bench.runner.live == set()
    check_steps(bench, chunk, running)


def check_steps(bench: Bench, chunk: int, running: int) -> None:
    """The order of starts, the size of steps, and that no decoding row sits a step out."""
    started: list[str] = []
    for before, after in zip([[], *bench.runner.steps], [*bench.runner.steps, []], strict=True):
        started += [item.id for item in after if item.id not in started]
        here = {item.id: item for item in after}
        for item in before:
            ended = bench.ended[item.id] and item.id not in here
            assert item.id in here or ended or not item.samples
        lengths = {item.id: len(bench.accepted[item.id].input_ids) for item in after}
        prompts = [item for item in after if item.position < lengths[item.id]]
        assert sum(len(item.input_ids) for item in prompts) <= chunk
        assert all(len(item.input_ids) == 1 for item in after if item not in prompts)
        assert len(after) <= running
    assert started == sorted(started, key=int), "first come, first served"


def test_a_step_gives_every_decoding_row_a_token_while_prompts_are_prefilled():
    bench = Bench(blocks=32, eos=set(), prefill_chunk=4)
    bench.add(request("a", 3, 20))
    bench.add(request("b", 1, 20))
    bench.step()
    bench.add(request("long", 20, 4))
    for _ in range(5):
        assert {output.id for output in bench.step()} >= {"a", "b"}
    assert bench.said["long"], "its five chunks are through"


def test_length_comes_with_the_last_token():
    bench = Bench(eos=set())
    bench.add(request(tokens=2))
    first, second = bench.step() + bench.step()
    alone = answer_alone(request(tokens=2), VOCAB, set())
    assert first == TokenOutput("a", alone[0], None)
    assert second == TokenOutput("a", alone[1], FinishReason.LENGTH)
    assert not bench.engine.has_work()


def test_the_end_token_is_not_handed_out():
    alone = answer_alone(request(tokens=9), VOCAB, set())
    end = next(token for token in alone if alone.index(token) > 1)
    bench = Bench(eos={end, 99})
    bench.add(request(tokens=9))
    bench.drain()
    assert bench.said["a"] == alone[: alone.index(end)]
    assert bench.ended["a"] == [FinishReason.STOP]


def test_a_row_whose_first_token_ends_it_says_nothing():
    bench = Bench(eos=set(range(VOCAB)))
    bench.add(request())
    assert bench.step() == [TokenOutput("a", None, FinishReason.STOP)]
    assert bench.engine.load().cache_used == 0


def test_an_idle_step_does_nothing():
    bench = Bench()
    assert not bench.engine.has_work()
    assert bench.engine.step() == []
    assert bench.runner.steps == []


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_an_aborted_row_ends_in_the_next_step(steps):
    bench = Bench(eos=set())
    bench.add(request(prompt=8))
    for _ in range(steps):
        bench.step()
    bench.engine.abort("a")
    assert bench.engine.has_work(), "its end is still to be told"
    assert bench.engine.load() == EngineLoad(0, 0, 0, 16), "its cache is free at once"
    assert bench.step() == [TokenOutput("a", None, FinishReason.ABORT)]
    assert bench.step() == []
    assert not bench.engine.has_work()


def test_aborting_a_waiting_row_lets_the_others_keep_their_order():
    bench = Bench(max_running=1, eos=set())
    for name in "abc":
        bench.add(request(name, tokens=1))
    bench.engine.abort("b")
    bench.drain()
    assert [(name, *ends) for name, ends in bench.ended.items()] == [
        ("b", FinishReason.ABORT),
        ("a", FinishReason.LENGTH),
        ("c", FinishReason.LENGTH),
    ]


def test_aborting_an_unknown_an_ended_or_an_aborted_row_is_ignored():
    bench = Bench(eos=set())
    bench.add(request(tokens=1))
    bench.step()
    bench.engine.abort("a")
    bench.engine.abort("nobody")
    assert not bench.engine.has_work()
    bench.add(request("b"))
    bench.engine.abort("b")
    bench.engine.abort("b")
    assert bench.step() == [TokenOutput("b", None, FinishReason.ABORT)]


def test_an_id_is_free_again_once_its_end_was_told():
    bench = Bench(eos=set())
    bench.add(request(tokens=1))
    with pytest.raises(BadParameter, match="'a' is running"):
        bench.engine.add(request(tokens=1))
    bench.step()
    bench.ended.clear()
    bench.add(request(tokens=5))
    bench.engine.abort("a")
    with pytest.raises(BadParameter, match="'a' is running"):
        bench.engine.add(request())
    bench.step()
    bench.ended.clear()
    bench.said.clear()
    bench.add(request())
    bench.drain()
    assert bench.said["a"] == answer_alone(request(), VOCAB, set())


def test_prompt_and_answer_must_fit_the_context_and_the_cache():
    bench = Bench(context=20)
    bench.add(request("fits", 14, 6))
    with pytest.raises(ContextLengthExceeded, match=r"20 tokens.*21") as refused:
        bench.engine.add(request("b", 15, 6))
    assert (refused.value.limit, refused.value.asked) == (20, 21)
    assert Bench(blocks=3, context=20).engine.max_context == 12, "the whole cache is one row's"


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (request(variant="nobody"), UnknownModel, "'nobody'.*base, tuned"),
        (request(prompt=0), BadParameter, "empty"),
        (request(prompt=40, tokens=40), ContextLengthExceeded, "48.*80"),
    ],
)
def test_a_refused_row_leaves_nothing_behind(wrong, error, words):
    bench = Bench()
    with pytest.raises(error, match=words):
        bench.engine.add(wrong)
    assert not bench.engine.has_work()
    assert bench.runner.live == set()


def test_without_waiting_places_only_the_free_ones_are_given():
    bench = Bench(max_waiting=0, max_running=2, eos=set())
    bench.add(request("a", tokens=1))
    bench.add(request("b"))
    with pytest.raises(EngineQueueFull):
        bench.engine.add(request("c"))
    bench.step()
    bench.add(request("c"))
    bench.drain()
    assert bench.said["c"] == answer_alone(request("c"), VOCAB, set())


def test_load_tells_rows_and_blocks():
    bench = Bench(max_running=1, eos=set())
    bench.add(request("a", prompt=5, tokens=6))
    bench.add(request("b"))
    bench.step()
    assert bench.engine.load() == EngineLoad(running=1, waiting=1, cache_used=3, cache_total=16)


def test_a_row_without_cache_never_reaches_the_runner():
    with pytest.raises(RuntimeError, match="'a' runs without cache"):
        _batch_row(ScheduledRow(Sequence(request()), 1), BLOCK)
