"""Finding texts that may be near each other, by MinHash signatures that lie on the disk.

Broder (1997): the smallest hashes of two sets are equal with a probability that is their Jaccard
index s. A signature holds `bands` times `rows` such hashes. Two texts are candidates if one whole
band is equal, which has the probability 1 - (1 - s ** rows) ** bands.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from math import sqrt
from typing import IO

import numpy as np
import numpy.typing as npt
from rensa import RMinHash  # pyright: ignore[reportAttributeAccessIssue] - without types

from training.prepare.shingles import SHINGLE

_PERMUTATIONS = 320
_RECALL = 0.99
_BATCH = 2_048
_BATCH_CHARS = 400_000
_SEED = 1
_NEIGHBOURS = 16
_FIRST_LOOK = 64
_DEVIATIONS = 3
_PIECE = 1 << 16
_ODD = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5],
                dtype=np.uint64)  # fmt: skip

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a signature is cut into bands."""

    bands: int
    rows: int

    def recall(self, similarity: float) -> float:
        """The probability that two texts of this similarity become candidates, 0 to 1."""
        return 1 - (1 - similarity**self.rows) ** self.bands


def plan(threshold: float) -> Plan:
    """The plan with the longest bands that still finds 99 % of pairs at the threshold.

    Longer bands give fewer false candidates.
    """
    plans = (Plan(_PERMUTATIONS // rows, rows) for rows in range(_PERMUTATIONS, 0, -1))
    return next((p for p in plans if p.recall(threshold) >= _RECALL), Plan(_PERMUTATIONS, 1))


class Signatures:
    """The signatures of many texts, in two files that the caller opens and closes.

    `bands` takes 8 bytes for each band of each text, `sketches` one byte for each hash.
    """

    def __init__(self, bands: IO[bytes], sketches: IO[bytes], cut: Plan) -> None:
        self._bands, self._sketches, self._cut = bands, sketches, cut
        self._batches: list[int] = []

    def write(self, flats: Iterable[str]) -> None:
        """Append the signatures of these normalised texts. Raises OSError."""
        for batch in batches(flats):
            smallest = _smallest(batch, self._cut.bands * self._cut.rows)
            self._sketches.write(smallest.astype(np.uint8).tobytes())
            self._bands.write(_bands(smallest, self._cut).tobytes())
            self._batches.append(len(batch))

    def candidates(self, threshold: float) -> Iterator[tuple[int, int]]:
        """Pairs of texts (i < j) that have an equal band and similar sketches.

        If more than 17 texts have the same band, each is paired only with the next 16. The sketch
        loses a pair that reaches the threshold about once in 400 times.
        """
        if not self._batches:
            return
        self._sketches.flush()
        size = self._cut.bands * self._cut.rows
        # Mapped, not read, so that the operating system can take the memory back.
        sketches = np.memmap(self._sketches, np.uint8, "r").reshape(-1, size)
        for firsts, seconds in self._agreeing():
            for start in range(0, len(firsts), _PIECE):
                one, other = firsts[start : start + _PIECE], seconds[start : start + _PIECE]
                for width in (_FIRST_LOOK, size):
                    near = _may_be_near(sketches[:, :width], one, other, threshold)
                    one, other = one[near], other[near]
                yield from zip(one.tolist(), other.tolist(), strict=True)

    def _agreeing(self) -> Iterator[tuple[Places, Places]]:
        for band in range(self._cut.bands):
            keys = self._read(band)
            order = np.argsort(keys, kind="stable")
            keys = keys[order]
            for step in range(1, min(_NEIGHBOURS, len(keys) - 1) + 1):
                (same,) = np.nonzero(keys[:-step] == keys[step:])
                if not len(same):
                    break
                yield order[same], order[same + step]

    def _read(self, band: int) -> Hashes:
        parts: list[Hashes] = []
        start = 0
        for count in self._batches:
            self._bands.seek(8 * (start * self._cut.bands + band * count))
            parts.append(np.frombuffer(self._bands.read(8 * count), dtype=np.uint64))
            start += count
        return np.concatenate(parts)


def batches(flats: Iterable[str]) -> Iterator[list[str]]:
    """Normalised texts in lists that need about the same memory, of long or of short texts."""
    batch: list[str] = []
    chars = 0
    for flat in flats:
        batch.append(flat)
        chars += len(flat)
        if chars >= _BATCH_CHARS or len(batch) == _BATCH:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


def _may_be_near(
    sketches: npt.NDArray[np.uint8], one: Places, other: Places, threshold: float
) -> npt.NDArray[np.bool_]:
    """For each pair whether it may reach the threshold, judged by the share of equal hashes."""
    size = sketches.shape[1]
    least = threshold - _DEVIATIONS * sqrt(threshold * (1 - threshold) / size)
    return np.count_nonzero(sketches[one] == sketches[other], axis=1) >= least * size


def _smallest(flats: list[str], count: int) -> Hashes:
    """The smallest hashes of each text's shingles, of shape (texts, count)."""
    hashes, starts = run_hashes(flats, SHINGLE)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, starts, count, _SEED)
    numbers = np.fromiter(chain.from_iterable(matrix.to_rows()), np.uint64, len(flats) * count)
    return numbers.reshape(len(flats), count)


def _bands(smallest: Hashes, cut: Plan) -> Hashes:
    """A hash of each band, of shape (bands, texts)."""
    cells = smallest.reshape(len(smallest), cut.bands, cut.rows)
    keys = np.zeros((len(smallest), cut.bands), np.uint64)
    for row in range(cut.rows):
        keys = _mix(keys ^ cells[:, :, row])
    return np.ascontiguousarray(keys.T)


def run_hashes(flats: list[str], size: int) -> tuple[Hashes, Hashes]:
    """The hashes of the runs of `size` characters of all texts, and where each text begins.

    `size` is a multiple of four. A normalised text has a space before and behind it; one that is
    shorter than a run is one run. The places have one more entry, where the last text ends.
    """
    padded = [f" {flat} ".ljust(size, "\0") for flat in flats]
    points = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32)
    lengths = np.array([len(text) for text in padded])
    fours = np.zeros(len(points) - SHINGLE + 1, np.uint64)
    for place, odd in enumerate(_ODD):
        fours += points[place : place + len(fours)].astype(np.uint64) * odd
    hashes = fours
    if size > SHINGLE:
        hashes = np.zeros(len(points) - size + 1, np.uint64)
        for place in range(0, size, SHINGLE):
            hashes = _mix(hashes) + _mix(fours[place : place + len(hashes)])
    # A run that begins in the last characters of a text would reach into the next text.
    is_run = np.ones(len(points), bool)
    ends = np.cumsum(lengths)
    for place in range(1, size):
        is_run[ends - place] = False
    starts = np.concatenate([[0], np.cumsum(lengths - size + 1)]).astype(np.uint64)
    return _mix(hashes[is_run[: len(hashes)]]), starts


def _mix(numbers: Hashes) -> Hashes:
    """Spread the bits of each number over the whole number (the finaliser of MurmurHash3)."""
    numbers = (numbers ^ (numbers >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    numbers = (numbers ^ (numbers >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return numbers ^ (numbers >> np.uint64(33))
