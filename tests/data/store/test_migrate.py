import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from data.errors import StoreError
from data.store.migrate import APPLICATION_ID, migrate, read_migrations, version_of

FIRST = "CREATE TABLE jokes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;\n"
SECOND = """
-- a comment; with a semicolon
ALTER TABLE jokes ADD COLUMN laughs INTEGER NOT NULL DEFAULT 0;
CREATE TRIGGER no_tears AFTER UPDATE ON jokes WHEN NEW.laughs < 0
BEGIN
    SELECT RAISE(ABORT, 'no; tears');
END;
"""


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_initial.sql").write_text(FIRST)
    (tmp_path / "0002_laughs.sql").write_text(SECOND)
    return tmp_path


def schema(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    return connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()


def test_a_blank_database_gets_every_step(connection: sqlite3.Connection, folder: Path) -> None:
    migrate(connection, read_migrations(folder))
    assert version_of(connection) == 2
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    connection.execute("INSERT INTO jokes (text) VALUES ('knock')")
    with pytest.raises(sqlite3.IntegrityError, match="no; tears"):
        connection.execute("UPDATE jokes SET laughs = -1")


def test_an_older_database_gets_what_it_lacks_and_keeps_its_rows(
    connection: sqlite3.Connection, folder: Path
) -> None:
    migrations = read_migrations(folder)
    migrate(connection, migrations[:1])
    connection.execute("INSERT INTO jokes (text) VALUES ('knock')")
    migrate(connection, migrations)
    assert connection.execute("SELECT text, laughs FROM jokes").fetchall() == [("knock", 0)]


def test_doing_it_again_changes_nothing(connection: sqlite3.Connection, folder: Path) -> None:
    migrations = read_migrations(folder)
    migrate(connection, migrations)
    before = schema(connection)
    migrate(connection, migrations)
    assert schema(connection) == before


@pytest.mark.parametrize(
    "broken",
    [
        "CREATE TABLE more (id INTEGER) STRICT;\nALTER TABLE nowhere ADD COLUMN x;",
        "INSERT INTO jokes (text) VALUES ('ha');\nINSERT INTO jokes (text) VALUES (NULL);",
        "DELETE FROM jokes;\nCREATE TABLE unfinished (",
    ],
)
def test_a_failing_second_step_leaves_version_one_intact(
    connection: sqlite3.Connection, folder: Path, broken: str
) -> None:
    (folder / "0002_laughs.sql").write_text(broken)
    migrations = read_migrations(folder)
    migrate(connection, migrations[:1])
    connection.execute("INSERT INTO jokes (text) VALUES ('knock')")
    before = schema(connection)

    with pytest.raises(StoreError, match=r"0002_laughs\.sql failed .* still at version 1"):
        migrate(connection, migrations)

    assert not connection.in_transaction
    assert version_of(connection) == 1
    assert schema(connection) == before
    assert connection.execute("SELECT text FROM jokes").fetchall() == [("knock",)]


def test_a_disk_that_fills_up_is_not_the_steps_fault(
    connection: sqlite3.Connection, folder: Path
) -> None:
    connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        migrate(connection, read_migrations(folder))
    assert version_of(connection) == 0


@pytest.mark.parametrize("name", ["0004_gap.sql", "3_short.sql", "0002_again.sql", "0003.sql"])
def test_files_that_do_not_count_up_are_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("SELECT 1;")
    with pytest.raises(StoreError, match="should be called 000"):
        read_migrations(folder)


def test_the_shipped_steps_count_up_and_control_no_transaction() -> None:
    migrations = read_migrations()
    assert [migration.version for migration in migrations] == list(range(1, len(migrations) + 1))
    for migration in migrations:
        words = migration.sql.upper()
        assert not any(word in words for word in ("BEGIN TRANSACTION", "COMMIT", "ROLLBACK"))


def test_a_version_1_database_becomes_the_newest_with_its_rows(
    connection: sqlite3.Connection,
) -> None:
    migrations = read_migrations()
    migrate(connection, migrations[:1])
    for number, person in ((1, "ann"), (2, "forgotten")):
        connection.execute(
            """
            INSERT INTO requests (id, source_key, conversation, front_end, user_id, user_name,
                prompt, turns, variant, sampling, in_history, state, created_at, started_at,
                ended_at)
            VALUES (?1, 'k' || ?1, 'c', 'discord', ?2, ?2, 'p', '[]', 'base', '{}', 1,
                'finished', 't', 't', 't')
            """,
            (number, person),
        )
        connection.execute(
            """
            INSERT INTO answers (id, request_id, text, variant, model_id, finish_reason,
                queue_ms, total_ms, created_at)
            VALUES (?1 * 10, ?1, 'a', 'base', 'm', 'stop', 0, 1, 't')
            """,
            (number,),
        )
    connection.execute("INSERT INTO answer_messages VALUES ('discord', '7', 'room', 10, 0)")
    for answer, person in ((10, "ann"), (10, "bob"), (10, None), (20, None)):
        connection.execute(
            "INSERT INTO ratings (answer_id, user_id, kind, created_at) VALUES (?, ?, 'good', 't')",
            (answer, person),
        )
    connection.execute("INSERT INTO settings VALUES ('user', 'ann', 'variant', 'base')")

    migrate(connection, migrations)

    assert version_of(connection) == len(migrations)
    rated = "SELECT answer_id, user_id, by_asker FROM ratings ORDER BY id"
    assert connection.execute(rated).fetchall() == [
        (10, "ann", 1),
        (10, "bob", 0),
        (10, None, 0),
        (20, None, 0),
    ]
    connection.execute("INSERT INTO settings VALUES ('guild', '1', 'tuned', 'yes')")
    assert connection.execute("SELECT * FROM settings").fetchall() == [
        ("guild", "1", "tuned", "yes"),
        ("user", "ann", "variant", "base"),
    ]
    connection.execute("PRAGMA foreign_keys = ON")
    reaction = "INSERT INTO reactions VALUES ('discord', ?, 'bob', '👍', 0, 'good', 1, 't')"
    connection.execute(reaction, ("7",))
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        connection.execute(reaction, ("8",))


def test_a_database_that_grew_up_has_the_schema_of_a_new_one(
    connection: sqlite3.Connection,
) -> None:
    migrations = read_migrations()
    for version in range(1, len(migrations) + 1):
        migrate(connection, migrations[:version])
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as new:
        migrate(new, migrations)
        assert schema(connection) == schema(new)
