import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from data.files.check import check
from data.files.datasets import PAIRS, PROMPTS
from data.records import RatingKind
from data.store.migrate import APPLICATION_ID
from data.store.store import Store


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"comment": "a", "reply": "b"}\n{"comment": "c", "reply": "b"}\n')
    return path


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"id": "1", "prompt": "Why?"}\n')
    return path


def database_finding(database: Path) -> tuple[bool, str]:
    finding = next(check(database))
    assert finding.text.startswith(str(database))
    return finding.is_sound, finding.text.removeprefix(f"{database}: ")


async def test_sound_files_are_counted(
    store: Store, answered, database: Path, pairs: Path, prompts: Path
) -> None:
    await store.rate((await answered(store)).id, "ann", RatingKind.GOOD)
    findings = list(check(database, pairs, prompts))
    assert all(finding.is_sound for finding in findings)
    assert [finding.text for finding in findings] == [
        f"{database}: schema 6, 1 requests, 1 answers, 1 ratings",
        f"{pairs}: 2 pairs",
        f"{prompts}: 1 prompts",
    ]


def test_what_is_not_there_is_no_problem(tmp_path: Path) -> None:
    findings = list(check(tmp_path / "a", tmp_path / "b", tmp_path / "c"))
    assert [(finding.is_sound, finding.text[-13:]) for finding in findings] == [
        (True, "not there yet")
    ] * 3


def test_the_shipped_data_sets_are_sound(tmp_path: Path) -> None:
    for finding in check(tmp_path / "none.db", PAIRS, PROMPTS):
        assert finding.is_sound, finding.text


@pytest.mark.parametrize("name", ["pairs", "prompts"])
def test_bad_and_doubled_lines_are_problems(
    request: pytest.FixtureRequest, tmp_path: Path, pairs: Path, prompts: Path, name: str
) -> None:
    path: Path = request.getfixturevalue(name)
    first = path.read_text().splitlines()[0].replace('"1"', '"2"')
    for line, complaint in ((first, "has this twice"), ("{", "is not JSON")):
        path.write_text(path.read_text() + line + "\n")
        findings = list(check(tmp_path / "none.db", pairs, prompts))
        [problem] = [finding.text for finding in findings if not finding.is_sound]
        assert complaint in problem


def test_a_damaged_database_is_a_problem(
    database: Path, damage_page: Callable[[int], bytes]
) -> None:
    content = damage_page(1)
    is_sound, text = database_finding(database)
    assert not is_sound
    assert "is damaged" in text
    assert database.read_bytes() == content


async def test_a_row_that_refers_to_nothing_is_a_problem(store: Store, database: Path) -> None:
    with closing(sqlite3.connect(database)) as other:
        other.execute(
            "INSERT INTO ratings (answer_id, user_id, kind, created_at) VALUES (9, 'u', 'good', '')"
        )
        other.commit()
    is_sound, text = database_finding(database)
    assert not is_sound
    assert "row 1 of ratings refers to nothing" in text


def test_an_older_database_is_no_problem_and_stays_old(database: Path) -> None:
    database.parent.mkdir()
    with closing(sqlite3.connect(database)) as other:
        other.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    before = database.read_bytes()
    assert database_finding(database) == (True, "schema 0; the next start brings it to 6")
    assert database.read_bytes() == before
