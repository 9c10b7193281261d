"""`python -m data`: check, back up and export what is stored, and forget a person."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from dotenv import dotenv_values

from data.errors import DataError
from data.files.backup import backup
from data.files.check import check
from data.files.export import export
from data.records import Forgotten
from data.store.database import FILE_NAME, reading
from data.store.store import Store


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code: 0, or 1 for a problem, or 130 after Ctrl-C.

    Raises SystemExit with code 2 for wrong arguments.
    """
    options = _parser().parse_args(arguments)
    home: Path = options.home or _home()
    try:
        return _run(options, home / FILE_NAME)
    except DataError as exc:
        print(exc, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m data", description=__doc__)
    parser.add_argument("--home", type=Path, help="folder of the database (FUNGPT_HOME, or var)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("check", help="say whether the database and the data sets are sound")
    command = commands.add_parser("backup", help="copy the database, also while the bot runs")
    command.add_argument("out", type=Path, metavar="OUT", help="the file to make")
    command = commands.add_parser("export", help="write ratings with their answers, as JSON lines")
    command.add_argument("out", type=Path, metavar="OUT.jsonl", help="the file to make")
    command = commands.add_parser("forget", help="remove a person, keeping only nameless counts")
    command.add_argument("user", metavar="USER", help="the person's user id")
    return parser


def _home() -> Path:
    # The bot reads .env, and these commands must find the same database.
    variable = os.environ.get("FUNGPT_HOME") or dotenv_values(".env").get("FUNGPT_HOME")
    return Path(variable or "var")


def _run(options: argparse.Namespace, database: Path) -> int:
    match options.command:
        case "check":
            findings = list(check(database))
            for finding in findings:
                print("ok     " if finding.is_sound else "PROBLEM", finding.text)
            return 0 if all(finding.is_sound for finding in findings) else 1
        case "backup":
            backup(database, options.out)
            print(f"{options.out}: a copy of {database}")
        case "export":
            print(f"{options.out}: {export(database, options.out)} ratings")
        case _:
            forgotten = asyncio.run(_forget(database, options.user))
            if forgotten == Forgotten(requests=0, ratings=0):
                print(f"{database} knows nobody with the id {options.user}", file=sys.stderr)
                return 1
            print(
                f"{options.user} is forgotten: {forgotten.requests} requests and "
                f"{forgotten.ratings} ratings are without a name now"
            )
    return 0


async def _forget(database: Path, user: str) -> Forgotten:
    with reading(database):
        pass  # raises if there is no database: Store.open would create one
    async with await Store.open(database) as store:
        return await store.forget(user)


if __name__ == "__main__":
    sys.exit(main())
