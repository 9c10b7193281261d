"""Reading a Zstandard file as a stream of bytes."""

import io
from pathlib import Path
from typing import IO

import zstandard

# Reddit's dumps are made with --long=31: a window of 2 GB.
_WINDOW = 2**31
# Packed bytes read at a time: few, since a file of nothing but zeros grows very much.
_PIECE = 2048


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
