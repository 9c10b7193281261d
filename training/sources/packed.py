"""Packed files as streams of bytes: gzip, bzip2, xz and Zstandard."""

import bz2
import gzip
import io
import lzma
import zlib
from contextlib import AbstractContextManager, closing
from enum import StrEnum
from pathlib import Path
from typing import IO, BinaryIO, cast

import zstandard


class Packing(StrEnum):
    """How a file is packed."""

    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZSTD = "Zstandard"


# What reading a damaged file raises, besides OSError.
DAMAGED = (EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError)
_ENDINGS = {
    ".gz": Packing.GZIP,
    ".bz2": Packing.BZIP2,
    ".xz": Packing.XZ,
    ".zst": Packing.ZSTD,
}
# The first bytes of a packed file; no text begins with them.
_MAGIC = (
    (b"\x1f\x8b\x08", Packing.GZIP),
    (b"BZh91AY&SY", Packing.BZIP2),
    (b"\xfd7zXZ\0", Packing.XZ),
    (b"\x28\xb5\x2f\xfd", Packing.ZSTD),
)
_BUFFER = 1 << 16

# Reddit's dumps are made with --long=31: a window of 2 GB.
_WINDOW = 2**31
# Packed bytes read at a time: few, since a file of nothing but zeros grows very much.
_PIECE = 2048


def packing_of(path: Path) -> Packing | None:
    """How the file is packed by its name, or else by its first bytes; None if it is not.

    Raises OSError if the file has to be read and cannot be.
    """
    if named := _ENDINGS.get(path.suffix.lower()):
        return named
    with path.open("rb") as file:
        start = file.read(16)
    return next((packing for magic, packing in _MAGIC if start.startswith(magic)), None)


def packing_words(path: Path) -> tuple[str, ...]:
    """How the file is packed, as words to list; none if it is not packed or cannot be read."""
    try:
        packing = packing_of(path)
    except OSError:
        return ()
    return (f"packed with {packing}",) if packing else ()


def unpacked_name(path: Path) -> Path:
    """The path without the ending that says how the file is packed."""
    return path.with_suffix("") if path.suffix.lower() in _ENDINGS else path


def open_unpacked(path: Path) -> AbstractContextManager[BinaryIO]:
    """Open a file, packed or not, for reading its bytes. Raises OSError.

    Reading from a damaged packed file raises one of DAMAGED, or OSError without a number.
    """
    packing = packing_of(path)
    if packing is Packing.GZIP:
        return closing(cast("BinaryIO", gzip.open(path, "rb")))
    if packing is Packing.BZIP2:
        return closing(cast("BinaryIO", bz2.open(path, "rb")))
    if packing is Packing.XZ:
        return closing(cast("BinaryIO", lzma.open(path, "rb")))
    if packing is Packing.ZSTD:
        return closing(cast("BinaryIO", io.BufferedReader(ZstdReader(path), _BUFFER)))
    return path.open("rb")


class ZstdReader(io.RawIOBase):
    """The unpacked bytes of a file of one or several frames.

    Raises EOFError where the file ends inside a frame, zstandard.ZstdError where it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("rb")
        self._frame = _new_frame()
        self._fresh = True  # no byte of the current frame was read yet
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """Whether it can be read: always True."""
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride] - what BufferedReader gives
        """Fill the buffer or its beginning; the number of bytes written to it, 0 at the end."""
        while not self._ready:
            if not (packed := self._file.read(_PIECE)):
                if not self._fresh:
                    raise EOFError("the file ends in the middle")
                return 0
            self._ready = memoryview(b"")  # an empty view would keep the last piece in memory
            self._ready = memoryview(self._unpack(packed))
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def close(self) -> None:
        """Close this stream and the file that it reads."""
        self._file.close()
        super().close()

    def _unpack(self, packed: bytes) -> bytes:
        parts: list[bytes] = []
        while packed:
            parts.append(self._frame.decompress(packed))
            self._fresh, packed = self._frame.eof, self._frame.unused_data
            if self._fresh:
                self._frame = _new_frame()
        return b"".join(parts)


def _new_frame() -> "zstandard.ZstdDecompressionObj":
    return zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
