"""Accounting of the key/value cache: who may use which slots. No tensors here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extent:
    """A run of neighbouring blocks, `start` and `count` in blocks."""

    start: int
    count: int

    @property
    def end(self) -> int:
        """The first block behind it."""
        return self.start + self.count


class BlockPool:
    """Hands out runs of neighbouring blocks, first fit, and merges what comes back.

    A row gets all that it can ever need when it starts (prompt and `max_tokens`), so a running row
    never waits for memory and is never thrown out. The blocks of a row are neighbours because
    attention then reads one slice without copying.
    """

    def __init__(self, total: int, block_size: int) -> None:
        self.total = total
        self.block_size = block_size
        self._free = [Extent(0, total)]

    @property
    def used(self) -> int:
        """Blocks in use."""
        return self.total - sum(extent.count for extent in self._free)

    @property
    def capacity(self) -> int:
        """Tokens that fit into the whole pool."""
        return self.total * self.block_size

    def can_allocate(self, tokens: int) -> bool:
        """Whether a run for so many tokens is free."""
        return self._find(tokens) is not None

    def allocate(self, tokens: int) -> Extent:
        """Take a run for so many tokens; ask `can_allocate` first (MemoryError otherwise)."""
        index = self._find(tokens)
        if index is None:
            raise MemoryError(f"no run of blocks for {tokens} tokens is free")
        hole, count = self._free[index], self._blocks(tokens)
        rest = Extent(hole.start + count, hole.count - count)
        self._free[index : index + 1] = [rest] if rest.count else []
        return Extent(hole.start, count)

    def release(self, extent: Extent) -> None:
        """Give a run back, exactly once."""
        merged: list[Extent] = []
        for hole in sorted([*self._free, extent], key=lambda hole: hole.start):
            if merged and merged[-1].end > hole.start:
                raise ValueError(f"blocks {extent.start}..{extent.end - 1} are free already")
            if merged and merged[-1].end == hole.start:
                hole = Extent(merged[-1].start, merged.pop().count + hole.count)
            merged.append(hole)
        self._free = merged

    def _blocks(self, tokens: int) -> int:
        return -(-tokens // self.block_size)

    def _find(self, tokens: int) -> int | None:
        needed = self._blocks(tokens)
        return next((i for i, hole in enumerate(self._free) if hole.count >= needed), None)
