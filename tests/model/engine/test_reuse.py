"""What rows have in common is computed once; that nobody can trust, or nobody may share, is not."""

import random
from collections import Counter
from collections.abc import Sequence as Tokens
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.engine.api import AdapterCard, FinishReason, ReadyAdapter, TokenRequest
from model.engine.cache import BlockPool
from model.engine.reuse import PrefixReuse
from model.engine.scheduler import Scheduler
from model.engine.sequence import Sequence
from model.sampling import SamplingParams
from tests.fakes.counting_runner import answer_alone
from tests.model.engine.test_engine import BLOCK, VOCAB, Bench
from tests.model.engine.test_engine_faults import Scene
from tests.model.engine.test_engine_faults import request as faulty_row

NEVER: set[int] = set()
PROMPT = (*range(11), 5, 5)  # three blocks and a token


def row(
    name: str, ids: Tokens[int] = PROMPT, tokens: int = 3, variant: str = "base"
) -> TokenRequest:
    return TokenRequest(name, tuple(ids), variant, SamplingParams(max_tokens=tokens))


class Reuse(Bench):
    """A bench that counts what of each row's prompt was computed, and what the row was told."""

    def __init__(self, **limits: int) -> None:
        super().__init__(
            eos=NEVER, **({"blocks": 60, "context": 200, "prefill_chunk": 100} | limits)
        )
        self.cached: dict[str, int] = {}

    def step(self):
        outputs = super().step()
        for output in outputs:
            if output.token_id is not None:
                self.cached[output.id] = output.cached_tokens
        return outputs

    def say(self, request: TokenRequest) -> list[int]:
        """Run one row to its end: its tokens, which must be its own."""
        self.add(request)
        self.drain()
        words = self.said[request.id]
        assert words == answer_alone(request, VOCAB, NEVER)
        return words

    def computed(self, name: str) -> int:
        """How many tokens of a row's prompt were computed."""
        prompt = len(self.accepted[name].input_ids)
        steps = [item for batch in self.runner.steps for item in batch if item.id == name]
        return sum(len(item.input_ids) for item in steps if item.position < prompt)


@pytest.fixture
def bench() -> Reuse:
    return Reuse()


def test_a_conversation_that_goes_on_begins_behind_what_was_said(bench):
    ids, before = list(PROMPT), 1
    for turn in range(8):
        request = row(str(turn), ids, tokens=6)
        ids += bench.say(request)
        # All but the last sampled token were computed: their whole blocks are there.
        expected = (before - 1) // BLOCK * BLOCK
        assert bench.cached[str(turn)] == expected
        assert bench.computed(str(turn)) == len(request.input_ids) - expected
        before = len(ids)
        ids += [turn, 3]
    assert bench.runner.copies == [], "it lies where it lay"


def test_the_last_token_of_a_prompt_is_always_computed(bench):
    for name, length in (("a", 12), ("b", 12), ("c", 8), ("d", 1), ("e", 1)):
        bench.say(row(name, PROMPT[:length]))
    assert [bench.computed(name) for name in "abcde"] == [12, 1, 1, 1, 1]
    assert [bench.cached[name] for name in "abcde"] == [0, 11, 7, 0, 0]


def test_conversations_that_alternate_are_all_kept(bench):
    talks = {name: [name, name + 1, 1, 1, 1] for name in range(4)}
    for turn in range(5):
        for name, ids in talks.items():
            said = bench.say(row(f"{name}.{turn}", ids, tokens=5))
            before = len(ids) - 3 if turn else 0
            assert bench.cached[f"{name}.{turn}"] >= before // BLOCK * BLOCK
            ids += [*said, 2, 2]
    assert bench.runner.copies


def test_several_answers_to_one_prompt_read_it_once(bench):
    rows = [row(str(i), tokens=4) for i in range(3)]
    for request in rows:
        bench.add(request)
    bench.drain()
    assert [bench.computed(str(i)) for i in range(3)] == [len(PROMPT), 1, 1]
    assert [bench.cached[str(i)] for i in range(3)] == [0, len(PROMPT) - 1, len(PROMPT) - 1]
    for request in rows:
        assert bench.said[request.id] == answer_alone(request, VOCAB, NEVER)
    first_steps = [next(i for i, batch in enumerate(bench.runner.steps)
                        if name in {item.id for item in batch}) for name in "012"]  # fmt: skip
    assert first_steps == [0, 1, 1], "they begin in the step after the first one's prompt"


@pytest.mark.parametrize("tokens", [1, 4])
def test_a_long_prompt_is_read_once_for_all_though_it_takes_several_steps(tokens):
    bench = Reuse(prefill_chunk=4, max_running=8, max_waiting=8)
    for i in range(8):
        bench.add(row(str(i), tokens=tokens))
    bench.drain()
    assert sum(bench.computed(str(i)) for i in range(8)) == len(PROMPT) + 7


def test_a_row_whose_forerunner_is_aborted_reads_its_prompt_itself():
    bench = Reuse(prefill_chunk=4)
    bench.add(row("a"))
    bench.add(row("b"))
    bench.step()
    bench.engine.abort("a")
    bench.drain()
    assert bench.computed("b") == len(PROMPT)
    assert bench.said["b"] == answer_alone(row("b"), VOCAB, NEVER)


def test_none_waits_for_a_prompt_of_which_it_has_all_that_it_shares(bench):
    bench.say(row("first", PROMPT[:9]))
    bench.add(row("a", [*PROMPT[:8], 1, 2, 3]))
    bench.add(row("b", [*PROMPT[:8], 7, 7]))
    assert {output.id for output in bench.step()} == {"a", "b"}
    assert (bench.cached["a"], bench.cached["b"]) == (8, 8)


def test_none_overtakes_a_row_that_waits_for_an_older_prompt():
    bench = Reuse(prefill_chunk=100)
    for name, ids in (("a", PROMPT), ("b", PROMPT), ("c", (9, 9, 9))):
        bench.add(row(name, ids))
    assert {output.id for output in bench.step()} == {"a"}
    assert {output.id for output in bench.step()} == {"a", "b", "c"}


def test_adapters_and_base_share_nothing(bench):
    bench.say(row("a"))
    bench.say(row("b", variant="tuned"))
    assert (bench.cached["a"], bench.cached["b"]) == (0, 0)
    bench.say(row("c", variant="tuned"))
    assert bench.cached["c"] == len(PROMPT) - 1
    bench.add(row("d"))
    bench.add(row("e", variant="tuned"))
    bench.drain()
    assert bench.cached["d"] == bench.cached["e"] == len(PROMPT) - 1


def kept_cards(bench: Bench) -> list[AdapterCard | None]:
    return [prefix.card for prefix in bench.scheduler._reuse.kept]


def adopt(bench: Bench, hash_: str) -> None:
    card = AdapterCard("tuned", hash_, "")
    bench.engine.add_adapter(ReadyAdapter(card, lambda: None))


@pytest.mark.parametrize("how", ["another version", "removed"])
def test_what_an_adapter_has_left_goes_with_it(bench, how):
    bench.say(row("a", variant="tuned"))
    bench.say(row("b"))
    bench.add(row("running", tokens=9, variant="tuned"))
    bench.step()
    assert [card and card.name for card in kept_cards(bench)] == [None, "tuned"]
    if how == "removed":
        bench.engine.remove_adapter("tuned")
    else:
        adopt(bench, "second")
    assert kept_cards(bench) == [None], "at once, though a row still runs"
    bench.drain()
    assert kept_cards(bench) == [None], "nor does that row leave anything"
    if how == "removed":
        return
    new = row("new", variant="tuned")
    bench.add(new)
    bench.drain()
    assert bench.cached["new"] == 0
    assert bench.said["new"] == answer_alone(new, VOCAB, NEVER, "second")


def test_the_same_version_again_frees_nothing(bench):
    bench.say(row("a", variant="tuned"))
    adopt(bench, "tuned")
    bench.say(row("b", variant="tuned"))
    assert bench.cached["b"] == len(PROMPT) - 1


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_an_aborted_row_leaves_nothing(bench, steps):
    bench.add(row("a", tokens=9))
    for _ in range(steps):
        bench.step()
    bench.engine.abort("a")
    bench.drain()
    assert kept_cards(bench) == []
    bench.say(row("b"))
    assert bench.cached["b"] == 0


@pytest.mark.parametrize("fault", ["raises_for", "nothing_for"])
def test_a_failed_row_leaves_nothing(fault):
    scene = Scene("a", prompt=12)
    scene.step()
    setattr(scene.runner, fault, {"a"})
    scene.drain()
    assert scene.errors.keys() == {"a"}
    scene.runner.raises_for = scene.runner.nothing_for = set()
    scene.engine.add(faulty_row("b", prompt=12))
    (output,) = scene.step()
    assert (output.finish_reason, output.cached_tokens) == (None, 0)


def test_a_prompt_without_numbers_is_no_source_for_those_behind_it():
    scene = Scene(prompt=12)
    scene.runner.nothing_for = {"a"}
    for name in "ab":
        scene.engine.add(row(name, PROMPT))
    scene.drain()
    assert scene.errors.keys() == {"a"}
    begun = next(item for batch in scene.runner.steps for item in batch if item.id == "b")
    assert begun.position == 0
    assert scene.said["b"] == answer_alone(row("b"), VOCAB, NEVER)


def test_after_a_fault_nothing_kept_is_trusted():
    scene = Scene()
    scene.engine.add(row("sound", PROMPT))
    scene.drain()
    scene.runner.raises_for = {"bad"}
    scene.engine.add(row("bad", (9, 9, 9, 9, 9)))
    scene.drain()
    scene.engine.add(row("again", PROMPT))
    (output,) = scene.step()
    assert output.cached_tokens == 0


def test_where_the_cache_cannot_be_copied_rows_compute_their_prompts(bench, monkeypatch):
    def broken(*_: int) -> None:
        raise RuntimeError("no copy")

    monkeypatch.setattr(bench.runner, "copy", broken)
    for name in "abc":
        bench.add(row(name))
    bench.drain()
    assert bench.cached == {"a": 0, "b": 0, "c": 0}
    for name in "abc":
        assert bench.said[name] == answer_alone(row(name), VOCAB, NEVER)


def test_kept_blocks_refuse_and_delay_nobody():
    bench = Reuse(blocks=12, context=48)
    for i in range(6):
        bench.say(row(str(i), [i] * 9, tokens=4))
    assert bench.engine.load().cache_used == 0
    bench.add(row("whole", [7] * 40, tokens=8))
    bench.step()
    assert bench.engine.load().cache_used == 12
    assert bench.said["whole"]
    bench.drain()


def test_without_reuse_every_row_computes_its_prompt():
    bench = Reuse()
    limits = {"max_running": 3, "max_waiting": 9, "prefill_chunk": 99}
    bench.engine._scheduler = without_reuse(bench.pool, **limits)
    bench.say(row("a"))
    for name in "bc":
        bench.add(row(name))
    bench.drain()
    assert [bench.computed(name) for name in "abc"] == [len(PROMPT)] * 3


talks = st.tuples(st.integers(0, 2), st.integers(1, 30), st.integers(1, 8), st.booleans())
deeds = st.lists(st.one_of(talks, talks, st.integers(0, 8), st.none()), max_size=50)


def do(scheduler: Scheduler, number: int, deed: object) -> None:
    """Add a row (a tuple), end a running one (its place), or compute a step (None)."""
    match deed:
        case (int(kind), int(length), int(tokens), bool(tuned)):
            card = AdapterCard("tuned", "t", "") if tuned else None
            scheduler.add(Sequence(row(str(number), [kind] * length, tokens), card))
        case int(place) if place < len(scheduler.running):
            ending = scheduler.running[place]
            scheduler.remove(ending, keep=ending.is_decoding)
        case None:
            for planned in scheduler.plan():
                planned.sequence.computed += planned.count
                if planned.sequence.pending == 0:
                    planned.sequence.generated.append(1)
        case _:
            pass


@settings(deadline=None, max_examples=100)
@given(deeds=deeds, blocks=st.integers(10, 20), running=st.integers(1, 4))
def test_rows_start_when_and_where_they_would_without_anything_kept(deeds, blocks, running):
    """Two schedulers are told the same; only how much of a prompt is left differs."""
    pools = BlockPool(blocks, BLOCK), BlockPool(blocks, BLOCK)
    limits = {"max_running": running, "max_waiting": 60, "prefill_chunk": 999}
    pair = Scheduler(pools[0], **limits), without_reuse(pools[1], **limits)
    for number, deed in enumerate(deeds):
        seen: list[object] = []
        for scheduler, pool in zip(pair, pools, strict=True):
            do(scheduler, number, deed)
            running_now = [(one.request.id, one.blocks) for one in scheduler.running]
            seen.append((running_now, [one.request.id for one in scheduler.waiting], pool.holes))
        assert seen[0] == seen[1]


def without_reuse(pool: BlockPool, **limits: int) -> Scheduler:
    return Scheduler(pool, PrefixReuse(pool, enabled=False), **limits)


def test_thousands_of_rows_that_join_leave_and_are_aborted_leak_no_block():
    bench, chance = (
        Reuse(blocks=30, max_running=5, max_waiting=20, prefill_chunk=7),
        random.Random(1),
    )
    stems = [[chance.randrange(VOCAB) for _ in range(20)] for _ in range(6)]
    hits, versions, ends = 0, iter(range(10**6)), Counter[FinishReason]()
    for number in range(3000):
        stem = chance.choice(stems)[: chance.randint(1, 20)]
        ids = [*stem, *(chance.randrange(VOCAB) for _ in range(chance.randint(0, 4)))]
        variant = chance.choice(["base", "base", "tuned"])
        if bench.engine.load().waiting < 20:
            bench.add(row(str(number), ids or [1], chance.randint(1, 9), variant))
        if chance.random() < 0.1:
            bench.engine.abort(str(number - chance.randrange(6)))
        if chance.random() < 0.01:
            adopt(bench, f"version {next(versions)}")
        for _ in range(chance.randint(0, 5)):
            bench.step()
            check_blocks(bench)
        bench.runner.steps.clear()
    bench.drain()
    for reasons in bench.ended.values():
        ends.update(reasons)
    hits = sum(count > 0 for count in bench.cached.values())
    assert sum(ends.values()) == len(bench.accepted)
    assert min(ends[FinishReason.ABORT], ends[FinishReason.LENGTH], hits) > 100
    assert (bench.pool.used, bench.runner.live) == (0, set())
    assert bench.pool.holes == (replace(bench.pool.holes[0], start=0, count=30),)


def check_blocks(bench: Bench) -> None:
    """Every block is free, or one row's; and of the free ones no two prefixes have the same."""
    owners = Counter[int]()
    for one in bench.scheduler.running:
        assert one.blocks is not None
        owners.update(range(one.blocks.start, one.blocks.end))
    assert bench.pool.used == len(owners)
    for prefix in bench.scheduler._reuse.kept:
        owners.update(range(prefix.start, prefix.blocks.end))
    assert max(owners.values(), default=1) == 1
    assert set(owners) <= set(range(bench.pool.total))
