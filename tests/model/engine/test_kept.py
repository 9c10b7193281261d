"""What is kept lies in free blocks, is what it says, and is in no row's way."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from model.engine.api import AdapterCard
from model.engine.cache import BlockPool, BlockRange
from model.engine.kept import BlockCopy, KeptPrefix, KeptPrefixes
from model.engine.prefix import block_hashes

TOTAL = 24
TUNED = AdapterCard("tuned", "one", "here")
Row = tuple[AdapterCard | None, list[int], BlockRange]  # adapter, its tokens (one a block), blocks


def hashes(ids: list[int], card: AdapterCard | None = None) -> tuple[bytes, ...]:
    return block_hashes(card, ids, 1)


class KeptMachine(RuleBasedStateMachine):
    """Rows that come and go, beside a cache whose blocks remember what was written there.

    A second pool serves the same rows without anything kept.
    """

    rows = Bundle("rows")

    def __init__(self) -> None:
        super().__init__()
        self.pool, self.plain = BlockPool(TOTAL, 1), BlockPool(TOTAL, 1)
        self.kept = KeptPrefixes(self.pool)
        self.cells: list[bytes | None] = [None] * TOTAL
        self.live: list[Row] = []

    @rule(
        target=rows,
        ids=st.lists(st.integers(0, 1), min_size=1, max_size=12),
        more=st.integers(0, 8),
        card=st.sampled_from([None, None, TUNED]),
    )
    def begin(self, ids: list[int], more: int, card: AdapterCard | None) -> Row | None:
        room = self.plain.can_allocate(len(ids) + more)
        assert self.pool.can_allocate(len(ids) + more) == room, "what is kept delays a row"
        if not room:
            return None
        chain = hashes(ids, card)
        source, count = self.kept.longest(chain) or (None, 0)
        if count < len(chain):
            longer = [
                one for one in self.kept.kept if one.hashes[: count + 1] == chain[: count + 1]
            ]
            assert longer == []
        before = self.kept.kept
        blocks = self.pool.allocate(len(ids) + more)
        assert blocks == self.plain.allocate(len(ids) + more)
        self.copy(self.kept.make_room(blocks, source, count))
        held = self.cells[blocks.start : blocks.start + count]
        assert tuple(held) == chain[:count], "what the row takes over is not there"
        self.check_order(before, blocks)
        self.cells[blocks.start : blocks.start + len(ids)] = chain
        row = card, ids, blocks
        self.live.append(row)
        return row

    def copy(self, copies: list[BlockCopy]) -> None:
        for one in copies:
            assert one.count > 0
            assert one.source != one.to, "a copy of nothing"
            for _, _, taken in self.live:
                assert not taken.overlaps(BlockRange(one.to, one.count)), (
                    "a live row is overwritten"
                )
            read = self.cells[one.source : one.source + one.count]
            self.cells[one.to : one.to + one.count] = read

    def check_order(self, before: tuple[KeptPrefix, ...], taken: BlockRange) -> None:
        """Moves change no order, and what was in nobody's way goes for something newer only."""
        after = [one.hashes for one in self.kept.kept]
        assert after == [one.hashes for one in before if one.hashes in after]
        for place, one in enumerate(before):
            if one.hashes not in after and not one.blocks.overlaps(taken):
                newer = [other for other in before[place:] if other.blocks.overlaps(taken)]
                assert any(other.hashes in after for other in newer)

    @rule(row=consumes(rows), well=st.booleans())
    def end(self, row: Row | None, well: bool) -> None:
        if row is None:
            return
        card, ids, blocks = row
        self.live.remove(row)
        self.pool.release(blocks)
        self.plain.release(blocks)
        if well:
            self.kept.add(KeptPrefix(card, hashes(ids, card), blocks.start))

    @rule()
    def forget(self) -> None:
        self.kept.forget(TUNED)
        assert all(one.card is None for one in self.kept.kept)

    @invariant()
    def every_block_has_one_owner_at_most(self) -> None:
        ranges = [one.blocks for one in self.kept.kept] + [blocks for _, _, blocks in self.live]
        owned = [block for one in ranges for block in range(one.start, one.end)]
        assert len(owned) == len(set(owned))
        assert set(owned) <= set(range(TOTAL))
        assert self.pool.used == sum(blocks.count for _, _, blocks in self.live)

    @invariant()
    def what_is_kept_is_there(self) -> None:
        for one in self.kept.kept:
            assert tuple(self.cells[one.start : one.blocks.end]) == one.hashes

    @invariant()
    def none_begins_with_another(self) -> None:
        chains = [one.hashes for one in self.kept.kept]
        for one in chains:
            assert [other for other in chains if other[: len(one)] == one] == [one]

    def teardown(self) -> None:
        for _, _, blocks in self.live:
            self.pool.release(blocks)
        assert self.pool.can_allocate(TOTAL)


KeptMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestKept = KeptMachine.TestCase


def keep(kept: KeptPrefixes, pool: BlockPool, *ids: int) -> KeptPrefix:
    """A row of one block a token that began in the first free blocks and has ended well."""
    blocks = pool.allocate(len(ids))
    kept.make_room(blocks)
    pool.release(blocks)
    prefix = KeptPrefix(None, hashes(list(ids)), blocks.start)
    kept.add(prefix)
    return prefix


def starts(kept: KeptPrefixes) -> dict[int, int]:
    """Where each is kept, by its number of blocks; the least recently used first."""
    return {len(one.hashes): one.start for one in kept.kept}


@pytest.fixture
def pool() -> BlockPool:
    return BlockPool(10, 1)


@pytest.fixture
def kept(pool) -> KeptPrefixes:
    return KeptPrefixes(pool)


def test_a_row_pushes_what_is_kept_out_of_its_way(pool, kept):
    keep(kept, pool, 1, 1, 1)
    assert kept.make_room(pool.allocate(4)) == [BlockCopy(0, 7, 3)]
    assert starts(kept) == {3: 7}
    assert kept.make_room(pool.allocate(3)) == [], "nothing is kept where this row comes"


def test_the_least_recently_used_goes_first(pool, kept):
    for ids in ([1], [2, 2], [3, 3, 3]):
        keep(kept, pool, *ids)
    first, _ = kept.longest(hashes([1])) or pytest.fail("it is not kept")
    kept.use(first)
    assert starts(kept) == {2: 7, 3: 0, 1: 9}
    assert kept.make_room(pool.allocate(6)) == [BlockCopy(0, 6, 3)]
    assert starts(kept) == {3: 6, 1: 9}, "that of two blocks made room"
    kept.make_room(pool.allocate(3))
    assert starts(kept) == {1: 9}


def test_an_older_one_is_not_kept_at_a_newer_ones_cost(pool, kept):
    keep(kept, pool, 1, 1, 1, 1)
    kept.use(old := keep(kept, pool, 2, 2, 2, 2))
    held = pool.allocate(4)
    kept.make_room(held)
    assert len(kept.kept) == 1
    assert kept.kept[0].hashes == old.hashes


def test_a_row_that_takes_all_of_a_prefix_takes_its_blocks(pool, kept):
    source = keep(kept, pool, 1, 1, 1)
    assert kept.make_room(pool.allocate(10), source, 3) == [], "it begins where they lie"
    assert kept.kept == ()


def test_a_row_that_takes_a_part_leaves_the_whole_elsewhere(pool, kept):
    source = keep(kept, pool, 1, 1, 1)
    assert kept.make_room(pool.allocate(7), source, 2) == [BlockCopy(0, 7, 3)]
    assert starts(kept) == {3: 7}


def test_without_room_for_the_rest_the_row_still_takes_its_part(pool, kept):
    source = keep(kept, pool, 1, 1, 1)
    assert kept.make_room(pool.allocate(8), source, 2) == []
    assert kept.kept == ()


def test_a_source_that_the_row_covers_moves_to_its_beginning(pool, kept):
    in_front = pool.allocate(2)
    source = keep(kept, pool, 1, 1, 1, 1, 1)
    pool.release(in_front)
    assert kept.make_room(pool.allocate(9), source, 5) == [BlockCopy(2, 0, 5)]
    assert kept.kept == ()


def an_old_one_and_a_source(total: int) -> tuple[BlockPool, KeptPrefixes]:
    """Two blocks of an old prefix at 0, and six of a newer one at 3."""
    pool = BlockPool(total, 1)
    kept = KeptPrefixes(pool)
    ranges = [pool.allocate(count) for count in (2, 1, 6)]
    for blocks, ids in ((ranges[0], [1, 1]), (ranges[2], [2, 3, 4, 5, 6, 7])):
        pool.release(blocks)
        kept.add(KeptPrefix(None, hashes(ids), blocks.start))
    pool.release(ranges[1])
    return pool, kept


def test_a_source_that_was_moved_is_read_where_it_is_now():
    pool, kept = an_old_one_and_a_source(15)
    source, count = kept.longest(hashes([2, 3, 4, 5, 6])) or pytest.fail("it is not kept")
    copies = kept.make_room(pool.allocate(6), source, count)
    # The older one comes to where the source has left its fifth block behind.
    assert copies == [BlockCopy(3, 9, 6), BlockCopy(0, 7, 2), BlockCopy(9, 0, 5)]


def test_nothing_is_moved_to_where_a_source_is_still_to_be_read():
    pool, kept = an_old_one_and_a_source(9)
    source, count = kept.longest(hashes([2, 3, 4, 5, 6])) or pytest.fail("it is not kept")
    assert kept.make_room(pool.allocate(6), source, count) == [BlockCopy(3, 0, 5)]
    assert kept.kept == ()


def test_what_begins_with_another_replaces_it(pool, kept):
    keep(kept, pool, 1, 2)
    keep(kept, pool, 1, 2, 3)
    assert starts(kept) == {3: 0}
    keep(kept, pool, 5, 5)
    keep(kept, pool, 1, 2)
    assert list(starts(kept)) == [2, 3], "it is only used again"


def test_clearing_gives_everything_up(pool, kept):
    keep(kept, pool, 1, 2)
    kept.clear()
    assert kept.longest(hashes([1, 2])) is None
