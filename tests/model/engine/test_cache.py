"""Blocks are handed out once, neighbours, and all come back."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from model.engine.cache import BlockPool, BlockRange

TOTAL, BLOCK = 24, 4


class PoolMachine(RuleBasedStateMachine):
    """The pool beside a plain array that says which block is whose."""

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.pool = BlockPool(TOTAL, BLOCK)
        self.owner: list[int | None] = [None] * TOTAL
        self.numbers = iter(range(10**6))

    def longest_free(self) -> int:
        runs = "".join("x" if owner is not None else "." for owner in self.owner).split("x")
        return max(map(len, runs))

    @rule(target=held, tokens=st.integers(1, TOTAL * BLOCK + 9))
    def allocate(self, tokens: int) -> BlockRange | None:
        needed = -(-tokens // BLOCK)
        assert self.pool.can_allocate(tokens) == (needed <= self.longest_free())
        if not self.pool.can_allocate(tokens):
            with pytest.raises(MemoryError, match=str(tokens)):
                self.pool.allocate(tokens)
            return None
        blocks = self.pool.allocate(tokens)
        assert blocks.count == needed
        assert 0 <= blocks.start <= blocks.end <= TOTAL
        assert self.owner[blocks.start : blocks.end] == [None] * needed
        self.owner[blocks.start : blocks.end] = [next(self.numbers)] * needed
        return blocks

    @rule(blocks=consumes(held))
    def release(self, blocks: BlockRange | None) -> None:
        if blocks is None:
            return
        self.pool.release(blocks)
        self.owner[blocks.start : blocks.end] = [None] * blocks.count
        with pytest.raises(ValueError, match="free already"):
            self.pool.release(blocks)

    @invariant()
    def counts_what_is_used(self) -> None:
        assert self.pool.used == sum(owner is not None for owner in self.owner)

    def teardown(self) -> None:
        for owner in {owner for owner in self.owner if owner is not None}:
            start = self.owner.index(owner)
            self.pool.release(BlockRange(start, self.owner.count(owner)))
        assert self.pool.used == 0
        assert self.pool.can_allocate(TOTAL * BLOCK), "what came back is one run again"


PoolMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestPool = PoolMachine.TestCase


def test_the_lowest_run_that_fits_is_taken():
    pool = BlockPool(8, 1)
    first, second, third = (pool.allocate(n) for n in (2, 3, 1))
    pool.release(first)
    pool.release(third)
    assert pool.allocate(1) == BlockRange(0, 1)
    assert pool.allocate(2) == BlockRange(5, 2), "the hole of one block before it is too small"
    pool.release(second)
    assert pool.allocate(4) == BlockRange(1, 4), "the hole and what came back behind it are one"


@pytest.mark.parametrize("blocks", [BlockRange(0, 1), BlockRange(2, 3), BlockRange(5, 3)])
def test_what_overlaps_a_free_run_is_not_taken_back(blocks):
    pool = BlockPool(8, 1)
    held = [pool.allocate(3), pool.allocate(3)]
    pool.release(held[0])
    with pytest.raises(ValueError, match=rf"{blocks.start}\.\.{blocks.end - 1}"):
        pool.release(blocks)
    assert pool.used == 3, "a refused release changes nothing"


def test_capacity_is_in_tokens_and_blocks_are_rounded_up():
    pool = BlockPool(3, 32)
    assert (pool.capacity, pool.used) == (96, 0)
    assert pool.allocate(33) == BlockRange(0, 2)
    assert not pool.can_allocate(33)
    assert pool.can_allocate(32)
