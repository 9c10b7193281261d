"""The lines of a text file, one at a time; the file may be packed."""

import codecs
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from data.errors import DatasetError
from training.sources.packed import DAMAGED, open_unpacked, packing_of

LINE_LIMIT = 16_000_000
_PIECE = 1 << 16
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WINDOWS = "cp1252"
_UNDEFINED = frozenset(b"\x81\x8d\x8f\x90\x9d")  # no characters of Windows-1252
# In a file that is UTF-8 but for a few damaged bytes, most bytes above 127 are whole characters.
_MOSTLY_DAMAGED = 0.9


def lines(path: Path, encoding: str | None = None, *, tolerant: bool = False) -> Iterator[str]:
    """Each line, its line end included.

    The text is in `encoding`; without one the byte order mark decides, else it is UTF-8. With
    `tolerant`, a byte that is no UTF-8 becomes a lone surrogate. Raises DatasetError naming the
    file, the byte or line, and what to do.
    """
    return whole_lines(path, pieces(path, encoding, tolerant=tolerant))


def pieces(path: Path, encoding: str | None = None, *, tolerant: bool = False) -> Iterator[str]:
    """The text as `lines` gives it, but long lines in pieces of 65,536 characters."""
    try:
        with open_unpacked(path) as file:
            encoding = encoding or _guess(path, file, tolerant=tolerant)
            errors = "surrogateescape" if tolerant and encoding.startswith("utf-8") else "strict"
            with io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="") as text:
                # A mark is no character of the text, also where an encoding was named.
                if piece := text.readline(_PIECE).removeprefix("\ufeff"):
                    yield piece
                while piece := text.readline(_PIECE):
                    yield piece
    except LookupError as error:
        raise DatasetError(f"{path}: --encoding {encoding} is not known: try cp1252") from error
    except UnicodeError as error:
        raise _undecodable(path, encoding or "utf-8") from error
    except (OSError, *DAMAGED) as error:
        raise _unreadable(path, error) from error


def whole_lines(path: Path, text: Iterator[str]) -> Iterator[str]:
    """The lines that pieces make up. Raises DatasetError for one of more than LINE_LIMIT."""
    number, parts, size = 1, list[str](), 0
    for piece in text:
        size += len(piece)
        if size > LINE_LIMIT:
            raise DatasetError(
                f"{path}, line {number} has more than {LINE_LIMIT:,} characters: "
                "break the file into lines or remove this one"
            )
        parts.append(piece)
        if piece.endswith("\n"):
            yield "".join(parts)
            number, size = number + 1, 0
            parts.clear()
    if parts:
        yield "".join(parts)


def text_encoding(path: Path) -> str | None:
    """WINDOWS if the file has no mark, is not UTF-8 and can be Windows-1252, else None.

    A file in which most bytes above 127 make up UTF-8 characters is a damaged UTF-8 file, not
    one from Windows. The whole file is read. Raises DatasetError if it cannot be.
    """
    try:
        with open_unpacked(path) as file:
            if any(_start(file).startswith(mark) for mark, _ in _MARKS):
                return None
            for _ in _decoded(file, "strict"):
                pass
    except UnicodeDecodeError:
        return WINDOWS if _is_windows(path) else None
    except (OSError, *DAMAGED) as error:
        raise _unreadable(path, error) from error
    return None


def _is_windows(path: Path) -> bool:
    wrong = others = 0
    with open_unpacked(path) as file:
        for text in _decoded(file, "surrogateescape"):
            if not text.isascii():
                escaped = bytes(ord(c) - 0xDC00 for c in text if "\udc80" <= c <= "\udcff")
                wrong += len(escaped)
                others += sum(c > "\x7f" for c in text) - len(escaped)
                if any(byte in _UNDEFINED for byte in escaped):
                    return False
    return wrong >= _MOSTLY_DAMAGED * (wrong + others)


def _decoded(file: BinaryIO, errors: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")(errors)
    while piece := file.read(_PIECE):
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)


def _unreadable(path: Path, error: Exception) -> DatasetError:
    # The libraries that unpack raise an OSError without a number where the content is damaged.
    if isinstance(error, OSError) and error.errno is not None:
        return DatasetError(f"{path} cannot be read ({error.strerror or error})")
    packing = packing_of(path) or "text"
    return DatasetError(f"{path} is no whole {packing} file ({error}): get it again")


def _start(file: BinaryIO) -> bytes:
    return cast("io.BufferedReader", file).peek(4)[:4]


def _guess(path: Path, file: BinaryIO, *, tolerant: bool) -> str:
    start = _start(file)
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    if 0 in start[:2] and not tolerant:
        end = "be" if start[0] == 0 else "le"
        raise DatasetError(
            f"{path} begins with a NUL (byte {start.index(0)}), so it is not UTF-8: "
            f"save it as UTF-8, or try --encoding utf-16-{end}"
        )
    return "utf-8"


def _undecodable(path: Path, encoding: str) -> DatasetError:
    """The error for text that is not in `encoding`, naming the byte and the line.

    The file is read once more, since the text reader does not tell where it failed.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, line = 0, 1
    name = "UTF-8" if encoding.startswith("utf-8") else encoding
    advice = "save it as UTF-8, or try --encoding cp1252 if it was made on Windows"
    with open_unpacked(path) as file:
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
