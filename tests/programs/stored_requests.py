"""Looks into a running program's database from outside, as SQL."""

import asyncio
import sqlite3

from data.store.database import FILE_NAME
from tests.programs.bot import LIMIT_S, Program


def states(program: Program) -> list[str]:
    """Of every request, oldest first; empty as long as there is no database."""
    return _column(program, "SELECT state FROM requests ORDER BY id")


def answers(program: Program) -> list[str]:
    """The text of every answer, oldest first."""
    return _column(program, "SELECT text FROM answers ORDER BY id")


async def until_states(program: Program, wanted: list[str]) -> None:
    """Wait until the requests stand like this."""
    async with asyncio.timeout(LIMIT_S):
        while states(program) != wanted:  # noqa: ASYNC110 - a database sends no events
            await asyncio.sleep(0.02)


def _column(program: Program, sql: str) -> list[str]:
    try:
        database = sqlite3.connect(f"file:{program.home / FILE_NAME}?mode=ro", uri=True)
    except sqlite3.Error:
        return []
    try:
        return [row[0] for row in database.execute(sql)]
    except sqlite3.Error:
        return []
    finally:
        database.close()
