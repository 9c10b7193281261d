"""The policy alone: who starts, who computes how much, who is turned away."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.engine.api import TokenRequest
from model.engine.cache import BlockPool
from model.engine.scheduler import Scheduler
from model.engine.sequence import Sequence, SequenceState
from model.errors import EngineQueueFull
from model.sampling import SamplingParams


def row(name: str, prompt: int = 4, tokens: int = 4) -> Sequence:
    """A row that shares no token of its prompt with a row of another name."""
    first = 1000 * int.from_bytes(name.encode()[:4], "big")
    params = SamplingParams(max_tokens=tokens)
    return Sequence(TokenRequest(name, tuple(range(first, first + prompt)), "base", params))


def make(blocks: int = 100, **limits: int) -> Scheduler:
    options = {"max_running": 4, "max_waiting": 4, "prefill_chunk": 8} | limits
    return Scheduler(BlockPool(blocks, 4), **options)


def compute(scheduler: Scheduler) -> dict[str, int]:
    """Do one step as the engine would, every complete row getting a token."""
    scheduled = scheduler.plan()
    for row in scheduled:
        completes = row.completes
        row.sequence.computed += row.count
        if completes:
            row.sequence.generated.append(7)
    return {row.sequence.request.id: row.count for row in scheduled}


def names(rows: Iterable[Sequence]) -> list[str]:
    return [row.request.id for row in rows]


def test_a_long_prompt_is_cut_into_chunks_and_the_decoding_row_goes_on():
    scheduler = make()
    scheduler.add(row("short", 3))
    assert compute(scheduler) == {"short": 3}
    scheduler.add(row("long", 20))
    assert [compute(scheduler) for _ in range(4)] == [
        {"short": 1, "long": 8},
        {"short": 1, "long": 8},
        {"short": 1, "long": 4},
        {"short": 1, "long": 1},
    ]


def test_few_prompt_tokens_fill_up_small_steps_and_many_take_a_chunk():
    scheduler = make(small_step=4, prefill_chunk=30, max_running=4)
    scheduler.add(row("first", 3))
    assert compute(scheduler) == {"first": 3}
    scheduler.add(row("short", 7))
    assert [compute(scheduler) for _ in range(3)] == [
        {"first": 1, "short": 3},
        {"first": 1, "short": 3},
        {"first": 1, "short": 1},
    ]
    scheduler.add(row("long", 21))  # more than ten steps with two tokens to spare
    assert compute(scheduler) == {"first": 1, "short": 1, "long": 21}


def test_no_prompt_waits_for_decoding_rows_that_fill_a_small_step():
    scheduler = make(small_step=2)
    for name in "abc":
        scheduler.add(row(name, 1, 9))
    assert compute(scheduler) == {"a": 1, "b": 1}
    assert compute(scheduler) == {"a": 1, "b": 1, "c": 1}


def test_prompts_share_the_chunk_oldest_first():
    scheduler = make()
    for name, prompt in (("a", 3), ("b", 9), ("c", 4)):
        scheduler.add(row(name, prompt))
    assert compute(scheduler) == {"a": 3, "b": 5}
    assert compute(scheduler) == {"a": 1, "b": 4, "c": 4}


def test_places_are_given_in_the_order_of_arrival():
    scheduler = make(max_running=2)
    rows = [row(name) for name in "abc"]
    for item in rows:
        scheduler.add(item)
    scheduler.plan()
    assert (names(scheduler.running), names(scheduler.waiting)) == (["a", "b"], ["c"])
    scheduler.remove(rows[0])
    scheduler.plan()
    assert names(scheduler.running) == ["b", "c"]
    assert [item.state for item in rows] == [
        SequenceState.FINISHED,
        SequenceState.RUNNING,
        SequenceState.RUNNING,
    ]


def test_none_overtakes_a_row_that_waits_for_cache():
    scheduler = make(blocks=4)
    big = row("big", 12)
    for item in (row("a", 4), big, row("small", 1, 1)):
        scheduler.add(item)
    scheduler.plan()
    assert names(scheduler.running) == ["a"], "big has no room, small has but came later"
    scheduler.remove(big)
    scheduler.plan()
    assert names(scheduler.running) == ["a", "small"]


def test_a_removed_row_gives_its_blocks_back():
    pool = BlockPool(8, 4)
    scheduler = Scheduler(pool, max_running=1, max_waiting=4, prefill_chunk=8)
    running, waiting = row("a"), row("b")
    scheduler.add(running)
    scheduler.add(waiting)
    scheduler.plan()
    assert pool.used == 2
    scheduler.remove(waiting)
    assert pool.used == 2, "a waiting row holds nothing"
    scheduler.remove(running)
    assert (pool.used, scheduler.plan()) == (0, [])


@pytest.mark.parametrize(("max_running", "max_waiting"), [(1, 0), (3, 0), (2, 2), (1, 5)])
def test_as_many_are_taken_as_can_run_and_wait(max_running, max_waiting):
    scheduler = make(max_running=max_running, max_waiting=max_waiting)
    for number in range(max_running + max_waiting):
        scheduler.add(row(str(number)))
    for _ in range(2):  # before and after the step that starts them
        with pytest.raises(EngineQueueFull, match="try again") as refused:
            scheduler.add(row("one too many"))
        assert refused.value.retry_after is not None
        assert refused.value.retry_after > 0
        scheduler.plan()
    scheduler.remove(scheduler.running[0])
    scheduler.add(row("in its place"))


@given(
    prompts=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    chunk=st.integers(1, 12),
    places=st.integers(1, 5),
)
def test_every_step_decodes_all_and_prefills_no_more_than_the_chunk(prompts, chunk, places):
    scheduler = make(max_running=places, max_waiting=9, prefill_chunk=chunk)
    rows = [row(str(i), prompt, 5) for i, prompt in enumerate(prompts)]
    for item in rows:
        scheduler.add(item)
    for _ in range(sum(prompts) + 6 * len(rows)):
        decoding = {item.request.id for item in scheduler.running if item.is_decoding}
        left = sum(item.pending for item in scheduler.running if not item.is_decoding)
        shares = compute(scheduler)
        assert {name for name in decoding if shares.get(name) == 1} == decoding
        prefilled = sum(count for name, count in shares.items() if name not in decoding)
        assert min(left, chunk) <= prefilled <= chunk, "no more than the chunk, and no idling"
        for item in [item for item in scheduler.running if item.is_full]:
            scheduler.remove(item)
    assert (scheduler.running, list(scheduler.waiting)) == ([], [])
    assert all(item.state is SequenceState.FINISHED for item in rows)
