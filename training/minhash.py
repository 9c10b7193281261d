"""Finding texts that may be near each other by MinHash signatures, which lie on the disk.

Broder (1997): of two sets, the smallest hashes agree with a probability that is Jaccard's index.
Signatures of `bands` times `rows` such hashes make two texts candidates if one whole band agrees,
which for an index of s has the probability 1 - (1 - s ** rows) ** bands.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO

import numpy as np
import numpy.typing as npt
from rensa import RMinHash  # pyright: ignore[reportAttributeAccessIssue] - without types

from training.duplicates import SHINGLE

_PERMUTATIONS = 320
_RECALL = 0.99
_BATCH = 2_048
_SEED = 1
_NEIGHBOURS = 16
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
        """With which probability two texts of that similarity become candidates."""
        return 1 - (1 - similarity**self.rows) ** self.bands


def plan(threshold: float) -> Plan:
    """The longest bands, so the fewest false candidates, that find 99 % right at the threshold."""
    plans = (Plan(_PERMUTATIONS // rows, rows) for rows in range(_PERMUTATIONS, 0, -1))
    return next((p for p in plans if p.recall(threshold) >= _RECALL), Plan(_PERMUTATIONS, 1))


class Bands:
    """The bands of many texts' signatures in a file, 8 bytes a band."""

    def __init__(self, file: IO[bytes], cut: Plan) -> None:
        self._file, self._cut = file, cut
        self._batches: list[int] = []

    def write(self, flats: Iterable[str]) -> None:
        """Append the signatures of normalised texts."""
        texts = iter(flats)
        while batch := list(islice(texts, _BATCH)):
            self._file.write(_bands(batch, self._cut).tobytes())
            self._batches.append(len(batch))

    def candidates(self) -> Iterator[tuple[Places, Places]]:
        """For each band the texts (i < j) that agree in it.

        Of more than 17 texts that agree, each is paired with the 16 next only.
        """
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
            self._file.seek(8 * (start * self._cut.bands + band * count))
            parts.append(np.frombuffer(self._file.read(8 * count), dtype=np.uint64))
            start += count
        return np.concatenate(parts) if parts else np.empty(0, np.uint64)


def _bands(flats: list[str], cut: Plan) -> Hashes:
    """The bands of some texts, of shape (bands, texts)."""
    hashes, ends = _shingle_hashes(flats)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        hashes, ends, cut.bands * cut.rows, _SEED
    )
    count = len(flats) * cut.bands * cut.rows
    smallest = np.fromiter(chain.from_iterable(matrix.to_rows()), np.uint64, count)
    smallest = smallest.reshape(len(flats), cut.bands, cut.rows)
    keys = np.zeros((len(flats), cut.bands), np.uint64)
    for row in range(cut.rows):
        keys = _mix(keys ^ smallest[:, :, row])
    return np.ascontiguousarray(keys.T)


def _shingle_hashes(flats: list[str]) -> tuple[Hashes, Hashes]:
    """The hashes of all texts' shingles one after the other, and where each text's begin."""
    padded = [f" {flat} ".ljust(SHINGLE, "\0") for flat in flats]
    points = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32)
    lengths = np.array([len(text) for text in padded])
    hashes = np.zeros(len(points) - SHINGLE + 1, np.uint64)
    for place, odd in enumerate(_ODD):
        hashes += points[place : place + len(hashes)].astype(np.uint64) * odd
    # Runs that begin in a text's last three characters reach into the next text.
    is_run = np.ones(len(points), bool)
    ends = np.cumsum(lengths)
    for place in range(1, SHINGLE):
        is_run[ends - place] = False
    starts = np.concatenate([[0], np.cumsum(lengths - SHINGLE + 1)]).astype(np.uint64)
    return _mix(hashes[is_run[: len(hashes)]]), starts


def _mix(numbers: Hashes) -> Hashes:
    """Each number's bits spread over all of it (the finaliser of MurmurHash3)."""
    numbers = (numbers ^ (numbers >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    numbers = (numbers ^ (numbers >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return numbers ^ (numbers >> np.uint64(33))
