"""Which leading blocks of tokens two rows share, told by chained hashes."""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Sequence

from model.engine.api import AdapterCard

Hashes = tuple[bytes, ...]


def block_hashes(
    card: AdapterCard | None, ids: Sequence[int], block_size: int, known: Hashes = ()
) -> Hashes:
    """One SHA-256 for each whole block of `ids`, each over its block and the hash before it.

    The chain begins with the adapter's card (None: the base). So two rows with the same hash at one
    place have the same adapter and the same tokens up to the end of that block, and hence the same
    keys and values. `known` are the first hashes of the chain, where somebody has computed them.
    """
    hashes = list(known)
    last = hashes[-1] if hashes else hashlib.sha256(repr(card).encode()).digest()
    for begin in range(len(hashes) * block_size, len(ids) - block_size + 1, block_size):
        block = array("q", ids[begin : begin + block_size])
        last = hashlib.sha256(last + block.tobytes()).digest()
        hashes.append(last)
    return tuple(hashes)


def shared_blocks(one: Hashes, other: Hashes) -> int:
    """How many leading blocks two chains have in common: behind the first difference all differ."""
    shorter = min(len(one), len(other))
    if shorter == 0 or one[0] != other[0]:
        return 0
    return bisect_left(range(shorter), True, key=lambda place: one[place] != other[place])
