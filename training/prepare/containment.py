"""Finding texts that stand in longer ones, whole or nearly: Jaccard's index does not see those.

Texts are compared by their runs of 12 characters. Candidates are found by winnowing (Schleimer,
Wilkerson and Aiken, 2003): of every 21 runs in a row the smallest hash is kept, a print. If a text
stands in another, all its prints are prints of the other, so its rarest ones are looked up.
"""

from collections.abc import Iterable, Iterator
from math import ceil
from typing import IO, cast

import numpy as np
import numpy.typing as npt

from training.prepare.minhash import Hashes, Places, batches, run_hashes

LEAST_CHARS = 32
"""Normalised texts with fewer characters are no copies of each other: people write them anew."""
CONTAINED = 0.85
RUN = 12
_WINDOW = 21
_DOUBLINGS = (1, 2, 4, 8)  # they widen a minimum over 1 to one over 16 runs
_NEIGHBOURS = 32
_COUNTERS = 1 << 22
_PIECE = 1 << 18
# A text's prints leave marks in 256 bits, which tell most pairs apart without their texts. Small
# changes move prints of a window, so fewer prints than runs are shared.
_WORDS = 4
_SHARED_PRINTS = 0.8

Marks = npt.NDArray[np.bool_]


def contains(longer: str, shorter: str) -> bool:
    """Whether a normalised text holds 85 % or more of the runs of one of 32 characters or more."""
    if len(shorter) < LEAST_CHARS or len(shorter) > len(longer):
        return False
    held, text = f" {shorter} ", f" {longer} "
    if held in text:
        return True
    runs = len(held) - RUN + 1
    others = runs - ceil(CONTAINED * runs)  # so many need not stand in the longer text
    for place in range(runs):
        if held[place : place + RUN] not in text:
            others -= 1
            if others < 0:
                return False
    return True


class Fingerprints:
    """The prints of many texts, in two files that the caller opens and closes.

    `prints` takes 8 bytes for each print, about one for 11 characters, and `chosen` one. With
    `every`, each run is a print and no pair is missed; it needs 11 times as much. Memory holds a
    few numbers for each text, 16 MB of counters, and a part of the prints.
    """

    def __init__(self, prints: IO[bytes], chosen: IO[bytes], *, every: bool = False) -> None:
        self._prints, self._chosen, self._every = prints, chosen, every
        self._texts: list[npt.NDArray[np.int64]] = []
        self._lengths: list[npt.NDArray[np.int64]] = []
        self._sizes: list[npt.NDArray[np.int64]] = []
        self._bits: list[Hashes] = []
        # How often about a print occurs: several prints share a counter, so it may say too much.
        self._counters = np.zeros(_COUNTERS, np.uint32)

    def write(self, flats: Iterable[str]) -> None:
        """Append the prints of these normalised texts. Raises OSError."""
        start = 0
        for batch in batches(flats):
            lengths = np.array([len(flat) for flat in batch])
            (long,) = np.nonzero(lengths >= LEAST_CHARS)
            if len(long):
                found, sizes = self._of([batch[place] for place in long.tolist()])
                self._prints.write(found.tobytes())
                np.add.at(self._counters, (found % _COUNTERS).astype(np.int64), 1)
                self._texts.append(start + long)
                self._lengths.append(lengths[long])
                self._sizes.append(sizes)
                self._bits.append(_bits(found, sizes))
            start += len(batch)

    def candidates(self) -> Iterator[tuple[int, int]]:
        """Pairs of texts of which the first may stand in the second; some come several times.

        Of the texts that share one print, each is paired with the next 32 that are longer, and the
        shortest with all, unless every run is a print.
        """
        if not self._texts:
            return
        texts, lengths, sizes = map(np.concatenate, (self._texts, self._lengths, self._sizes))
        ends, bits = np.cumsum(sizes), np.concatenate(self._bits)
        share = CONTAINED if self._every else _SHARED_PRINTS
        missing = sizes - np.ceil(share * sizes).astype(np.int64)
        self._choose(ends)
        parts = max(1, int(ends[-1]) // _PIECE)
        for part in range(parts):
            prints, places, chosen = self._part(part, parts)
            owners = np.searchsorted(ends, places, side="right")
            order = np.lexsort((lengths[owners], prints))
            pairs = self._pairs(prints[order], chosen[order])
            for shorter, longer in pairs:
                one, other = owners[order[shorter]], owners[order[longer]]
                lost = np.bitwise_count(bits[one] & ~bits[other]).sum(axis=1, dtype=np.int64)
                apart = (one != other) & (lost <= missing[one])
                yield from zip(
                    texts[one[apart]].tolist(), texts[other[apart]].tolist(), strict=True
                )

    def _of(self, flats: list[str]) -> tuple[Hashes, npt.NDArray[np.int64]]:
        """The different prints of each text, one text after the other, and how many each has."""
        hashes, starts = run_hashes(flats, RUN)
        owners = np.repeat(np.arange(len(flats)), np.diff(starts.astype(np.int64)))
        if not self._every:
            hashes, owners = _winnowed(hashes, owners)
        order = np.lexsort((hashes, owners))
        hashes, owners = hashes[order], owners[order]
        new = np.ones(len(hashes), bool)
        new[1:] = (np.diff(owners) != 0) | (hashes[1:] != hashes[:-1])
        return hashes[new], np.bincount(owners[new], minlength=len(flats))

    def _choose(self, ends: npt.NDArray[np.int64]) -> None:
        """Mark the prints of each text that are looked up: so many that a container has one."""
        self._prints.flush()
        self._prints.seek(0)
        first = 0
        while first < len(ends):
            begin = int(ends[first - 1]) if first else 0
            last = max(first + 1, int(np.searchsorted(ends, begin + _PIECE, side="right")))
            sizes = np.diff(ends[first:last], prepend=begin)
            prints = _read(self._prints, int(sizes.sum()))
            owners = np.repeat(np.arange(len(sizes)), sizes)
            commonness = self._counters[(prints % _COUNTERS).astype(np.int64)]
            order = np.lexsort((commonness, owners))
            rank = np.empty(len(prints), np.int64)
            rank[order] = np.arange(len(prints)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            wanted = sizes - np.ceil(CONTAINED * sizes).astype(np.int64) + 1
            self._chosen.write((rank < wanted[owners]).tobytes())
            first = last
        self._chosen.flush()

    def _part(self, part: int, parts: int) -> tuple[Hashes, Places, Marks]:
        """The prints of one part of all hashes, their places, and whether they are looked up."""
        self._prints.seek(0)
        self._chosen.seek(0)
        start = 0
        found: list[tuple[Hashes, Places, Marks]] = []
        while len(prints := _read(self._prints, _PIECE)):
            chosen = np.frombuffer(self._chosen.read(len(prints)), np.bool_)
            (here,) = np.nonzero((prints >> np.uint64(32)) % np.uint64(parts) == part)
            found.append((prints[here], start + here, chosen[here]))
            start += len(prints)
        prints, places, marks = (np.concatenate(column) for column in zip(*found, strict=True))
        return cast("Hashes", prints), cast("Places", places), cast("Marks", marks)

    def _pairs(self, prints: Hashes, chosen: Marks) -> Iterator[tuple[Places, Places]]:
        """Places of equal prints in sorted order, the first of them looked up."""
        steps = len(prints) if self._every else _NEIGHBOURS
        for step in range(1, min(steps, len(prints) - 1) + 1):
            (same,) = np.nonzero(prints[:-step] == prints[step:])
            if not len(same):
                return
            same = same[chosen[same]]
            yield same, same + step
        begins = np.ones(len(prints), bool)
        begins[1:] = prints[1:] != prints[:-1]
        first = np.maximum.accumulate(np.where(begins, np.arange(len(prints)), 0))
        (far,) = np.nonzero((np.arange(len(prints)) - first > steps) & chosen[first])
        yield first[far], far


def _winnowed(hashes: Hashes, owners: Places) -> tuple[Hashes, Places]:
    """The smallest hash of each window of runs, and whose it is; windows stay within a text."""
    smallest = hashes
    for width in _DOUBLINGS:
        smallest = np.minimum(smallest[:-width], smallest[width:])
    rest = _WINDOW - 2 * _DOUBLINGS[-1]
    smallest = np.minimum(smallest[:-rest], smallest[rest:])
    within = owners[: len(smallest)] == owners[_WINDOW - 1 :]
    return smallest[within], owners[: len(smallest)][within]


def _bits(prints: Hashes, sizes: npt.NDArray[np.int64]) -> Hashes:
    """For each text the 256 bits that its prints set, of shape (texts, 4)."""
    bits = np.zeros((len(sizes), _WORDS), np.uint64)
    owners = np.repeat(np.arange(len(sizes)), sizes)
    words = ((prints >> np.uint64(6)) % np.uint64(_WORDS)).astype(np.int64)
    np.bitwise_or.at(bits, (owners, words), np.uint64(1) << (prints % np.uint64(64)))
    return bits


def _read(file: IO[bytes], count: int) -> Hashes:
    return np.frombuffer(file.read(8 * count), np.uint64)
