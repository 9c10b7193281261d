import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest

from data.errors import (
    StoreDamaged,
    StoreError,
    StoreLocked,
    StoreReadOnly,
    StoreTooNew,
)
from data.store.database import connect, reading
from data.store.migrate import read_migrations

PAGE = 4096
NEW_ROW = (
    "INSERT INTO settings (scope, scope_id, key, value) VALUES ('user', hex(randomblob(8)), 'k', ?)"
)


@pytest.fixture
def filled(database: Path) -> Path:
    """A sound database of several pages, with nothing left in a write-ahead file."""
    with closing(connect(database)) as connection:
        for _ in range(50):
            connection.execute(NEW_ROW, ["v" * 1000])
    return database


def killed_while(database: Path, script: str) -> None:
    """Run `script` on the open `connection` in a program that then dies of SIGKILL."""
    source = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from data.store.database import connect\n"
        f"connection = connect(Path(sys.argv[1]))\n{script}\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).parents[3]
    died = subprocess.run([sys.executable, "-c", source, database], cwd=root, timeout=60)
    assert died.returncode == -signal.SIGKILL


def refused(database: Path, kind: type[StoreError], **options: Any) -> str:
    """Fail to open; the message is one line that names the file."""
    with pytest.raises(StoreError) as caught:
        connect(database, **options).close()
    message = str(caught.value)
    assert type(caught.value) is kind, message
    assert "\n" not in message
    assert str(database) in message
    return message


def bytes_of(database: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in database.parent.iterdir()
        if not path.name.endswith("-shm") and path.stat().st_size
    }


def test_a_missing_database_is_made_with_its_folders(database: Path) -> None:
    with closing(connect(database)) as connection:
        pragmas = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 1,
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }


def test_an_empty_file_is_a_new_database(database: Path) -> None:
    database.parent.mkdir()
    database.touch()
    connect(database).close()
    with reading(database) as connection:
        assert connection.execute("SELECT COUNT(*) FROM requests").fetchone()[0] == 0


def test_many_may_make_it_at_once(tmp_path: Path) -> None:
    at_once = threading.Barrier(4)

    def open_one(database: Path) -> None:
        at_once.wait(timeout=10)
        connect(database).close()

    with ThreadPoolExecutor(4) as pool:
        for attempt in range(10):
            list(pool.map(open_one, [tmp_path / f"{attempt}.db"] * 4, timeout=30))


def garble_header(content: bytearray) -> None:
    content[:100] = b"This was a database once. " * 4


def cut_to_a_third(content: bytearray) -> None:
    del content[len(content) // 3 :]


def cut_inside_the_header(content: bytearray) -> None:
    del content[50:]


def flip_a_page(content: bytearray) -> None:
    content[PAGE : 2 * PAGE] = bytes(byte ^ 0xFF for byte in content[PAGE : 2 * PAGE])


def become_text(content: bytearray) -> None:
    content[:] = b"Dear diary, " * 1000


DAMAGES = [garble_header, cut_to_a_third, cut_inside_the_header, flip_a_page, become_text]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_told_of_and_left_as_it_is(
    filled: Path, damage: Callable[[bytearray], None]
) -> None:
    content = bytearray(filled.read_bytes())
    damage(content)
    filled.write_bytes(content)
    message = refused(filled, StoreDamaged)
    assert "python -m data backup" in message
    assert bytes_of(filled) == {"fungpt.db": bytes(content)}


@pytest.mark.parametrize("damage", [garble_header, flip_a_page])
def test_neither_is_a_damaged_file_changed_that_a_killed_program_left(
    filled: Path, damage: Callable[[bytearray], None]
) -> None:
    killed_while(filled, f"connection.execute({NEW_ROW!r}, ['late'])")
    content = bytearray(filled.read_bytes())
    damage(content)
    filled.write_bytes(content)
    before = bytes_of(filled)
    assert sorted(before) == ["fungpt.db", "fungpt.db-wal"]
    refused(filled, StoreDamaged)
    assert bytes_of(filled) == before


def test_what_a_killed_program_had_committed_is_there(database: Path) -> None:
    killed_while(database, f"connection.execute({NEW_ROW!r}, ['committed'])")
    with closing(connect(database)) as connection:
        assert [row["value"] for row in connection.execute("SELECT * FROM settings")] == [
            "committed"
        ]


@pytest.fixture
def cut_short(filled: Path) -> Path:
    """A database whose program died inside a write, before it came to a write-ahead file."""
    killed_while(
        filled,
        "connection.execute('PRAGMA journal_mode = DELETE')\n"
        "connection.execute('PRAGMA cache_size = 1')\n"
        "connection.execute('BEGIN')\n"
        "connection.execute(\"UPDATE settings SET value = 'half' || value\")",
    )
    assert (filled.parent / "fungpt.db-journal").stat().st_size > 0
    return filled


def test_a_write_cut_short_is_undone(cut_short: Path) -> None:
    with closing(connect(cut_short)) as connection:
        values = {row["value"] for row in connection.execute("SELECT value FROM settings")}
    assert values == {"v" * 1000}


def test_a_write_cut_short_hides_no_other_fault(cut_short: Path) -> None:
    refused(cut_short, StoreTooNew, migrations=())


def test_a_newer_database_is_not_touched(filled: Path) -> None:
    newer = len(read_migrations()) + 1
    with closing(sqlite3.connect(filled)) as connection:
        connection.execute(f"PRAGMA user_version = {newer}")
    before = filled.read_bytes()
    assert f"schema {newer}" in refused(filled, StoreTooNew)
    assert filled.read_bytes() == before


@pytest.mark.parametrize("version", [0, 1])
def test_another_programs_database_is_not_touched(database: Path, version: int) -> None:
    database.parent.mkdir()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE bookmarks (url)")
        connection.execute(f"PRAGMA user_version = {version}")
    before = database.read_bytes()
    assert "another program" in refused(database, StoreError)
    assert database.read_bytes() == before


def test_a_lock_is_waited_for_no_longer_than_the_busy_time(filled: Path) -> None:
    with closing(sqlite3.connect(filled, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "locked by another program" in refused(filled, StoreLocked, busy_s=0.05)
        other.execute("ROLLBACK")
    connect(filled, busy_s=0.05).close()


@pytest.mark.parametrize("begin", ["BEGIN", "BEGIN IMMEDIATE"])
def test_the_first_switch_to_a_write_ahead_file_waits_its_turn(filled: Path, begin: str) -> None:
    with closing(sqlite3.connect(filled, isolation_level=None, check_same_thread=False)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute(begin)
        other.execute("SELECT COUNT(*) FROM settings").fetchone()
        refused(filled, StoreLocked, busy_s=0.05)
        with ThreadPoolExecutor(1) as pool:
            opening = pool.submit(lambda: connect(filled, busy_s=10).close())
            assert not wait([opening], timeout=0.2).done
            other.execute("ROLLBACK")
            opening.result(timeout=10)


@pytest.mark.parametrize(
    ("file_mode", "folder_mode"), [(0o444, 0o555), (0o444, 0o777), (0o666, 0o555)]
)
@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_a_database_without_write_permission_says_so(
    unprivileged_folder: Path,
    unprivileged: Callable[[], AbstractContextManager[None]],
    file_mode: int,
    folder_mode: int,
    journal: str,
) -> None:
    database = unprivileged_folder / "fungpt.db"
    with closing(connect(database)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
    database.chmod(file_mode)
    unprivileged_folder.chmod(folder_mode)
    with unprivileged():
        assert "write permission" in refused(database, StoreReadOnly)


def test_a_folder_without_write_permission_says_so(
    unprivileged_folder: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    unprivileged_folder.chmod(0o555)
    with unprivileged():
        refused(unprivileged_folder / "fungpt.db", StoreReadOnly)
        refused(unprivileged_folder / "deeper" / "fungpt.db", StoreReadOnly)


def test_a_path_that_can_hold_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    assert "cannot be opened" in refused(tmp_path / "file" / "fungpt.db", StoreError)
    assert "it is a folder" in refused(tmp_path / "folder", StoreError)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "fungpt.db")
    assert "cannot be opened" in refused(tmp_path / "link", StoreError)
    assert "File name too long" in refused(tmp_path / ("x" * 300), StoreError)


def test_reading_makes_no_database(database: Path) -> None:
    with pytest.raises(StoreError, match="there is no database"), reading(database):
        pass
    assert not database.parent.exists()


def test_reading_cannot_write(filled: Path) -> None:
    with pytest.raises(StoreReadOnly), reading(filled) as connection:
        connection.execute("DELETE FROM settings")


def test_a_path_with_signs_of_a_uri_is_taken_as_it_is(tmp_path: Path) -> None:
    database = tmp_path / "50%?mode=ro#é" / "fungpt.db"
    connect(database).close()
    connect(database).close()
    assert os.listdir(database.parent) == ["fungpt.db"]  # noqa: PTH208
