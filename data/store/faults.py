"""Turns the errors of SQLite and of the operating system into StoreErrors that say what to do."""

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from data.errors import StoreConflict, StoreDamaged, StoreError, StoreLocked, StoreReadOnly


@contextmanager
def converted(path: Path) -> Generator[None]:
    """Raise a StoreError in place of what SQLite or the system raises in the `with` block."""
    try:
        yield
    except sqlite3.Error as exc:
        raise _from_sqlite(path, exc) from exc
    except PermissionError as exc:
        raise read_only(path) from exc
    except OSError as exc:
        raise _unopened(path, exc.strerror or str(exc)) from exc
    except OverflowError as exc:
        raise StoreConflict(f"a number is too large for {path} (64 bits are the limit)") from exc


def damaged(path: Path, finding: str) -> StoreDamaged:
    """Make the error for a damaged file; `finding` is what SQLite says about it."""
    return StoreDamaged(
        f"{path} is damaged ({_one_line(finding)}) and was left as it is: move it away and put "
        "back a copy made by `python -m data backup`, or start anew without it"
    )


def read_only(path: Path) -> StoreReadOnly:
    """Make the error for a file or a folder that cannot be written to."""
    return StoreReadOnly(
        f"{path} cannot be written to: give this user write permission on the file and its "
        "folder, or point FUNGPT_HOME at another folder"
    )


def _from_sqlite(path: Path, exc: sqlite3.Error) -> StoreError:
    extended: int | None = getattr(exc, "sqlite_errorcode", None)
    match extended and extended & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreLocked(f"{path} is locked by another program: stop that one or try again")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return read_only(path)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damaged(path, str(exc))
        case None if isinstance(exc, sqlite3.OperationalError):
            # The one error that Python's own module raises: a text that is not UTF-8.
            return damaged(path, str(exc))
        case sqlite3.SQLITE_FULL:
            return StoreError(f"there is no room left for {path}: free disk space and try again")
        case sqlite3.SQLITE_CONSTRAINT:
            return StoreConflict(f"{path} refused a change that does not fit what it holds ({exc})")
        case sqlite3.SQLITE_CANTOPEN if _folder_refuses(path):
            return read_only(path)
        case sqlite3.SQLITE_CANTOPEN:
            return _unopened(path, str(exc))
        case _ if path.is_dir():
            return _unopened(path, "it is a folder")
        case _:
            return StoreError(
                f"{path} failed ({_one_line(str(exc))}): run `python -m data check` and look at "
                "the disk"
            )


def _unopened(path: Path, reason: str) -> StoreError:
    return StoreError(
        f"{path} cannot be opened ({reason}): see that it is a file in a folder, or point "
        "FUNGPT_HOME at another folder"
    )


def _folder_refuses(path: Path) -> bool:
    effective = os.access in os.supports_effective_ids
    return path.parent.is_dir() and not os.access(
        path.parent, os.W_OK | os.X_OK, effective_ids=effective
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
