"""What is kept is in no row's way, and no block is lost or has two owners."""

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from model.engine.api import AdapterCard, FinishReason
from model.engine.cache import BlockPool, BlockRange
from model.engine.reuse import PrefixReuse
from model.engine.scheduler import Scheduler
from model.engine.sequence import Sequence
from tests.model.engine.test_engine import BLOCK, VOCAB, Bench
from tests.model.engine.test_reuse import PROMPT, Reuse, row
from tests.model.engine.test_reuse_trust import adopt


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
    assert bench.pool.holes == (BlockRange(0, 30),)


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
