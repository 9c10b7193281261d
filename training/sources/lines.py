"""The lines of a text file, one at a time; the file may be packed with Zstandard."""

import codecs
import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from data.errors import DatasetError
from training.sources.packed import ZstdReader

LINE_LIMIT = 16_000_000
_PIECE = 1 << 16
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def lines(path: Path, encoding: str | None = None) -> Iterator[str]:
    """Each line, its line end included.

    The text is in `encoding`; without one the byte order mark decides, else it is UTF-8. Raises
    DatasetError naming the file, the byte or line, and what to do.
    """
    try:
        with open_bytes(path) as file:
            encoding = encoding or _guess(path, file)
            with io.TextIOWrapper(file, encoding=encoding, newline="") as text:
                yield from _bounded(path, text)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror or error})") from error
    except LookupError as error:
        raise DatasetError(f"{path}: --encoding {encoding} is not known: try cp1252") from error
    except UnicodeError as error:
        raise _undecodable(path, encoding or "utf-8") from error
    except (EOFError, zstandard.ZstdError) as error:
        raise DatasetError(f"{path} is no whole Zstandard file ({error}): get it again") from error


def open_bytes(path: Path) -> AbstractContextManager[BinaryIO]:
    """Open the file for reading; a `.zst` file gives its unpacked bytes. Raises OSError."""
    if path.suffix == ".zst":
        return closing(cast("BinaryIO", io.BufferedReader(ZstdReader(path), _PIECE)))
    return path.open("rb")


def _guess(path: Path, file: BinaryIO) -> str:
    start = cast("io.BufferedReader", file).peek(4)[:4]
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    if 0 in start[:2]:
        end = "be" if start[0] == 0 else "le"
        raise DatasetError(
            f"{path} begins with a NUL (byte {start.index(0)}), so it is not UTF-8: "
            f"save it as UTF-8, or try --encoding utf-16-{end}"
        )
    return "utf-8"


def _bounded(path: Path, text: io.TextIOWrapper) -> Iterator[str]:
    number = 0
    while line := text.readline(LINE_LIMIT + 1):
        number += 1
        if len(line) > LINE_LIMIT:
            raise DatasetError(
                f"{path}, line {number} has more than {LINE_LIMIT:,} characters: "
                "break the file into lines or remove this one"
            )
        yield line


def _undecodable(path: Path, encoding: str) -> DatasetError:
    """The error for text that is not in `encoding`, naming the byte and the line.

    The file is read once more, since the text reader does not tell where it failed.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, line = 0, 1
    name = "UTF-8" if encoding.startswith("utf-8") else encoding
    advice = "save it as UTF-8, or try --encoding cp1252 if it was made on Windows"
    with open_bytes(path) as file:
        while True:
            piece = file.read(_PIECE)
            try:
                line += decoder.decode(piece, final=not piece).count("\n")
            except UnicodeDecodeError as error:
                before = error.object[: error.start]
                line += before.decode(encoding, "ignore").count("\n")
                # The decoder may have kept the last bytes of the piece before this one.
                byte = offset - (len(error.object) - len(piece)) + error.start
                return DatasetError(f"{path} is not {name} (byte {byte}, line {line}): {advice}")
            except UnicodeError as error:
                return DatasetError(f"{path} is not {name} (byte 0: {error}): {advice}")
            offset += len(piece)
            if not piece:
                return DatasetError(f"{path} is not {name}: {advice}")
