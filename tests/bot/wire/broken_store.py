"""A store that is locked or lacks tables for a while, while the bot runs on it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from data.store.database import FILE_NAME
from tests.programs.bot_on_discord import Bot

PATIENCE_S = 10


def opened(bot: Bot) -> closing[sqlite3.Connection]:
    """The bot's database, beside the bot; each statement is a transaction of its own."""
    path = bot.program.home / FILE_NAME
    return closing(sqlite3.connect(path, timeout=PATIENCE_S, isolation_level=None))


@contextmanager
def locked(bot: Bot) -> Iterator[None]:
    """Let nobody else write, so that the bot's store waits, and whatever wants it waits too."""
    with opened(bot) as database:
        database.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def without(bot: Bot, *tables: str) -> Iterator[None]:
    """The database lacks these tables for a while, so that each use of them fails at once."""
    with opened(bot) as database:
        for table in tables:
            database.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
        try:
            yield
        finally:
            for table in tables:
                database.execute(f"ALTER TABLE {table}_away RENAME TO {table}")
