"""Blocks of rows that have ended, kept for rows that begin with the same tokens."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace

from model.engine.api import AdapterCard
from model.engine.cache import BlockPool, BlockRange
from model.engine.prefix import Hashes, shared_blocks


@dataclass(frozen=True, slots=True, eq=False)
class KeptPrefix:
    """Keys and values of an ended row: `hashes` tell its blocks, which begin at block `start`."""

    card: AdapterCard | None
    hashes: Hashes
    start: int

    @property
    def blocks(self) -> BlockRange:
        """The blocks that it lies in."""
        return BlockRange(self.start, len(self.hashes))


@dataclass(frozen=True, slots=True)
class BlockCopy:
    """The first `count` blocks from `source` on are to be copied to those from `to` on."""

    source: int
    to: int
    count: int


class KeptPrefixes:
    """Remembers what lies in the pool's free blocks; rows never notice that anything is kept.

    A kept prefix takes no block from the pool: a row gets the range that it would get if nothing
    were kept, and what is kept there is moved, as long as free blocks are left or hold something
    older. The prefix that was not used for the longest time goes first.
    """

    def __init__(self, pool: BlockPool) -> None:
        self._pool = pool
        self._kept: list[KeptPrefix] = []  # the least recently used first

    @property
    def kept(self) -> tuple[KeptPrefix, ...]:
        """All of them, the least recently used first. They lie in free blocks, each in its own."""
        return tuple(self._kept)

    def longest(self, hashes: Hashes) -> tuple[KeptPrefix, int] | None:
        """The prefix that shares most blocks with this chain, and how many; None without any."""
        best: tuple[KeptPrefix, int] | None = None
        for prefix in reversed(self._kept):
            count = shared_blocks(prefix.hashes, hashes)
            if count > (best[1] if best else 0):
                best = prefix, count
        return best

    def add(self, prefix: KeptPrefix) -> None:
        """Keep the blocks of a row that has just ended; they must be free again.

        Of two prefixes one of which begins with the other, only the longer one stays.
        """
        for other in self.kept:
            shared = shared_blocks(other.hashes, prefix.hashes)
            if shared == len(prefix.hashes):
                self.use(other)
                return
            if shared == len(other.hashes):
                self._kept.remove(other)
        self._kept.append(prefix)

    def use(self, prefix: KeptPrefix) -> None:
        """Note that a row has just found use for it."""
        self._kept.remove(prefix)
        self._kept.append(prefix)

    def forget(self, card: AdapterCard) -> None:
        """Give up what was computed with this adapter."""
        self._kept = [prefix for prefix in self._kept if prefix.card != card]

    def clear(self) -> None:
        """Give up everything."""
        self._kept.clear()

    def make_room(
        self, taken: BlockRange, source: KeptPrefix | None = None, count: int = 0
    ) -> list[BlockCopy]:
        """Clear the range of a new row, to whose beginning `count` blocks of `source` come.

        Returns what is to be copied before the row runs, in this order. Prefixes in the range are
        moved to free blocks, or given up; a source that the row takes wholly is not moved.
        """
        copies: list[BlockCopy] = []
        inside = {prefix for prefix in self._kept if prefix.blocks.overlaps(taken)}
        at = None if source is None else source.start
        given_up: set[KeptPrefix] = set()
        for prefix in [prefix for prefix in reversed(self._kept) if prefix in inside]:
            wholly_taken = prefix is source and count == len(prefix.hashes)
            moved = None if wholly_taken else self._move(prefix, {*inside, source})
            if moved is None:
                given_up.add(prefix)
                continue
            copies.append(BlockCopy(prefix.start, moved.start, len(prefix.hashes)))
            at = moved.start if prefix is source else at
        if source is not None and at is not None and source.start != taken.start:
            copies.append(BlockCopy(at, taken.start, count))
        # Only now: what is given up may be the source, so nothing was to be moved to its place.
        self._kept = [prefix for prefix in self._kept if prefix not in given_up]
        return copies

    def _move(self, prefix: KeptPrefix, spared: Set[KeptPrefix | None]) -> KeptPrefix | None:
        """Find it another place, for which older ones are given up; None where there is none."""
        older = [other for other in self._kept[: self._kept.index(prefix)] if other not in spared]
        evicted: set[KeptPrefix] = set()
        start = self._gap(len(prefix.hashes), evicted)
        if start is None:
            # The more are given up, the larger the gaps: the fewest that are enough are looked for.
            few = bisect_left(range(len(older)), True, key=lambda n: self._fits(prefix, older[:n]))
            evicted = set(older[:few])
            start = self._gap(len(prefix.hashes), evicted)
        if start is None:
            return None
        moved = replace(prefix, start=start)
        self._kept[self._kept.index(prefix)] = moved
        self._kept = [other for other in self._kept if other not in evicted]
        return moved

    def _fits(self, prefix: KeptPrefix, evicted: Iterable[KeptPrefix]) -> bool:
        return self._gap(len(prefix.hashes), set(evicted)) is not None

    def _gap(self, size: int, evicted: Set[KeptPrefix]) -> int | None:
        """The last place for `size` blocks, far from where the pool gives rows theirs."""
        staying = [prefix.blocks for prefix in self._kept if prefix not in evicted]
        gaps = _without(self._pool.holes, sorted(staying, key=lambda blocks: blocks.start))
        return max((gap.end - size for gap in gaps if gap.count >= size), default=None)


def _without(holes: Iterable[BlockRange], staying: Sequence[BlockRange]) -> Iterator[BlockRange]:
    """What is left of `holes` beside `staying`; both in order."""
    for hole in holes:
        at = hole.start
        for blocks in staying:
            if blocks.overlaps(hole):
                yield BlockRange(at, max(blocks.start - at, 0))
                at = blocks.end
        yield BlockRange(at, max(hole.end - at, 0))
