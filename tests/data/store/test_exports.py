"""The record of exports, and what becomes of it when a person is forgotten."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from data.files.export import export
from data.records import RatingKind, SettingKey
from data.store.database import connect
from data.store.exports import made_exports
from data.store.migrate import read_migrations
from data.store.store import Store


@pytest.fixture
async def exported(store: Store, answered, database: Path, tmp_path: Path) -> Path:
    """An export with ann's answer rated by bob and cat, and dan's answer rated by bob."""
    for asker, raters in (("ann", ("bob", "cat")), ("dan", ("bob",))):
        answer = await answered(store, front_end="discord", user_id=asker)
        for rater in raters:
            await store.rate(answer.id, rater, RatingKind.GOOD)
    for person in ("ann", "bob", "cat", "dan"):
        await store.set_setting("user", person, SettingKey.TRAINING_CONSENT, "yes")
    assert export(database, tmp_path / "out", "ticket 7").ratings == 3
    return tmp_path / "out"


@pytest.mark.parametrize(("person", "count"), [("ann", 2), ("bob", 2), ("cat", 1), ("dan", 1)])
async def test_an_export_with_something_of_a_forgotten_person_is_named(
    store: Store, exported: Path, person: str, count: int
) -> None:
    [made] = (await store.forget(person)).exports
    assert (made.path, made.ratings, made.forgotten) == (str(exported), 3, count)
    assert await store.exports() == (made,)


async def test_the_record_counts_several_people_and_keeps_no_name(
    store: Store, exported: Path, database: Path
) -> None:
    for person in ("cat", "ann", "bob"):
        await store.forget(person)
    assert [made.forgotten for made in await store.exports()] == [3]
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute("SELECT DISTINCT user_id FROM export_ratings").fetchall()
    assert found == [(None,)], exported


async def test_a_rating_taken_back_since_is_still_in_the_export(
    store: Store, exported: Path, database: Path
) -> None:
    with closing(connect(database)) as connection:
        connection.execute("DELETE FROM ratings WHERE user_id = 'cat'")
    [made] = (await store.forget("cat")).exports
    assert made.path == str(exported)


async def test_words_that_another_repeated_are_the_forgotten_persons(
    store: Store, answered, database: Path, tmp_path: Path
) -> None:
    for person, key in (("ann", "discord:message:1"), ("bob", "discord:interaction:2")):
        answer = await answered(store, front_end="discord", user_id=person, source_key=key)
        await store.set_setting("user", person, SettingKey.TRAINING_CONSENT, "yes")
    await store.rate(answer.id, "bob", RatingKind.GOOD)
    assert export(database, tmp_path / "out", "ticket 7").ratings == 1
    [made] = (await store.forget("ann")).exports
    assert made.forgotten == 1


async def test_who_is_in_no_export_affects_none(store: Store, answered, exported: Path) -> None:
    await answered(store, user_id="eve")
    assert (await store.forget("eve")).exports == ()
    assert (await store.forget("nobody")).exports == ()
    assert [made.forgotten for made in await store.exports()] == [0], exported


async def test_a_person_is_told_what_left(store: Store, exported: Path) -> None:
    [made] = await store.exports()
    mine = (await store.personal_data("ann")).exports
    assert [(row["export"], row["answer"]) for row in mine] == [(made.id, 1), (made.id, 1)]
    assert [row["answer"] for row in (await store.personal_data("bob")).exports] == [1, 2]
    assert "bob" not in json.dumps(mine)
    await store.forget("ann")
    assert (await store.personal_data("ann")).exports == [], exported


@pytest.mark.parametrize("version", [1, 2, 3])
def test_an_older_database_has_no_exports_and_gets_the_tables(
    database: Path, version: int, tmp_path: Path
) -> None:
    connect(database, migrations=read_migrations()[:version]).close()
    assert made_exports(database) == ()
    assert export(database, tmp_path / "out").ratings == 0
    assert len(made_exports(database)) == 1
