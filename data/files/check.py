"""Checks of the database and the data sets."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.errors import DataError
from data.files.datasets import PAIRS, PROMPTS, read_pairs, read_prompts
from data.store.database import judge, reading
from data.store.faults import damaged
from data.store.migrate import read_migrations, version_of


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one file: a line that names it, and whether it is sound."""

    is_sound: bool
    text: str


def check(database: Path, pairs: Path = PAIRS, prompts: Path = PROMPTS) -> Iterator[Finding]:
    """Check each file without writing to it; a file that does not exist is sound."""
    yield _find(database, _check_database)
    yield _find(pairs, _check_pairs)
    yield _find(prompts, _check_prompts)


def _find(path: Path, look: Callable[[Path], str]) -> Finding:
    if not path.exists():
        return Finding(is_sound=True, text=f"{path}: not there yet")
    try:
        return Finding(is_sound=True, text=f"{path}: {look(path)}")
    except DataError as exc:
        return Finding(is_sound=False, text=str(exc))


def _check_database(path: Path) -> str:
    migrations = read_migrations()
    with reading(path) as connection:
        judge(connection, path, migrations, thorough=True)
        if orphan := connection.execute("PRAGMA foreign_key_check").fetchone():
            raise damaged(path, f"row {orphan['rowid']} of {orphan['table']} refers to nothing")
        version = version_of(connection)
        if version < len(migrations):
            return f"schema {version}; the next start brings it to {len(migrations)}"
        [requests, answers, ratings] = connection.execute(
            "SELECT (SELECT COUNT(*) FROM requests), (SELECT COUNT(*) FROM answers),"
            " (SELECT COUNT(*) FROM ratings)"
        ).fetchone()
        return f"schema {version}, {requests} requests, {answers} answers, {ratings} ratings"


def _check_pairs(path: Path) -> str:
    pairs = read_pairs(path)
    _refuse_twins(path, [pair.comment for pair in pairs])
    return f"{len(pairs)} pairs"


def _check_prompts(path: Path) -> str:
    prompts = read_prompts(path)
    _refuse_twins(path, [prompt.prompt for prompt in prompts])
    return f"{len(prompts)} prompts"


def _refuse_twins(path: Path, texts: Sequence[str]) -> None:
    seen: set[str] = set()
    for text in texts:
        if text in seen:
            raise DataError(f"{path} has this twice, remove one: {text[:60]!r}")
        seen.add(text)
