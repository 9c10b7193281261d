"""Which row may use which blocks of the key/value cache. Plain counting, no tensors."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlockRange:
    """`count` neighbouring blocks, the first of them at `start`."""

    start: int
    count: int

    @property
    def end(self) -> int:
        """The first block after the range."""
        return self.start + self.count

    def overlaps(self, other: "BlockRange") -> bool:
        """Whether a block lies in both."""
        return self.start < other.end and other.start < self.end


class BlockPool:
    """Hands out ranges of neighbouring blocks (first fit) and merges ranges that come back.

    The cache has `total` blocks of `block_size` tokens. A row gets all blocks that it can come to
    need when it starts (prompt and `max_tokens`), so a running row never waits for memory and is
    never evicted. Its blocks are neighbours so that attention reads them without copying.
    """

    def __init__(self, total: int, block_size: int) -> None:
        self.total = total
        self.block_size = block_size
        self._free = [BlockRange(0, total)]

    @property
    def used(self) -> int:
        """Blocks in use."""
        return self.total - sum(blocks.count for blocks in self._free)

    @property
    def holes(self) -> tuple[BlockRange, ...]:
        """The free ranges, the lowest first; no two touch each other."""
        return tuple(self._free)

    @property
    def capacity(self) -> int:
        """How many tokens fit into the whole pool."""
        return self.total * self.block_size

    def can_allocate(self, tokens: int) -> bool:
        """Whether a free range holds `tokens` tokens."""
        return self._find(tokens) is not None

    def allocate(self, tokens: int) -> BlockRange:
        """Take a range for `tokens` tokens.

        Raises MemoryError when none is free: ask `can_allocate` first.
        """
        index = self._find(tokens)
        if index is None:
            raise MemoryError(f"no range of blocks for {tokens} tokens is free")
        hole, count = self._free[index], self._blocks(tokens)
        rest = BlockRange(hole.start + count, hole.count - count)
        self._free[index : index + 1] = [rest] if rest.count else []
        return BlockRange(hole.start, count)

    def release(self, blocks: BlockRange) -> None:
        """Give a range back; raises ValueError when a block of it is free already."""
        merged: list[BlockRange] = []
        for hole in sorted([*self._free, blocks], key=lambda hole: hole.start):
            if merged and merged[-1].end > hole.start:
                raise ValueError(f"blocks {blocks.start}..{blocks.end - 1} are free already")
            if merged and merged[-1].end == hole.start:
                hole = BlockRange(merged[-1].start, merged.pop().count + hole.count)
            merged.append(hole)
        self._free = merged

    def _blocks(self, tokens: int) -> int:
        return -(-tokens // self.block_size)

    def _find(self, tokens: int) -> int | None:
        needed = self._blocks(tokens)
        return next((i for i, hole in enumerate(self._free) if hole.count >= needed), None)
