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
from data.files.export_manifest import PERMISSION_VARIABLE, manifest_path
from data.files.made_from import forgotten_lines, still_there
from data.records import Forgotten, MadeExport
from data.store.database import FILE_NAME, require
from data.store.exports import drop_export, made_exports
from data.store.store import Store


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code: 0, or 1 for a problem, or 130 after Ctrl-C.

    Raises SystemExit with code 2 for wrong arguments.
    """
    options = _parser().parse_args(arguments)
    home: Path = options.home or Path(_variable("FUNGPT_HOME") or "var")
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
    _add_look_in(command)
    command = commands.add_parser(
        "exports", help="list the exports made, and what holds words of people forgotten since"
    )
    command.add_argument(
        "--deleted", nargs="+", metavar="ID", help="take these off the record: they are deleted"
    )
    _add_look_in(command)
    return parser


def _add_look_in(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--look-in",
        type=Path,
        nargs="*",
        default=[],
        metavar="FOLDER",
        help="folders besides FUNGPT_HOME with adapters and prepared data",
    )


def _variable(name: str) -> str | None:
    # The bot reads .env, and these commands must find the same settings.
    return os.environ.get(name) or dotenv_values(".env").get(name)


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
            _export(database, options.out)
        case "exports":
            _exports(database, options.look_in, options.deleted or ())
        case _:
            forgotten = asyncio.run(_forget(database, options.user))
            if forgotten == Forgotten(requests=0, ratings=0):
                print(f"{database} knows nobody with the id {options.user}", file=sys.stderr)
                return 1
            print(
                f"{options.user} is forgotten: {forgotten.requests} requests and "
                f"{forgotten.ratings} ratings are without a name now"
            )
            _tell_affected(forgotten.exports, database, options.look_in)
    return 0


def _export(database: Path, out: Path) -> None:
    permission = (_variable(PERMISSION_VARIABLE) or "").strip() or None
    manifest = export(database, out, permission)
    print(f"{out}: {manifest.ratings} ratings")
    print(f"{manifest_path(out)}: what they are")
    for reason, count in manifest.left_out.items():
        if count:
            print(f"  {count} left out: {reason.why}")


def _exports(database: Path, folders: Sequence[Path], deleted: Sequence[str]) -> None:
    exports = made_exports(database)
    for made in exports:
        if made.id in deleted and (left := still_there(made, [database.parent, *folders])):
            raise DataError(f"{made.id} is not deleted: {', '.join(map(str, left))}")
    for export_id in deleted:
        drop_export(database, export_id)
    exports = tuple(made for made in exports if made.id not in deleted)
    for made in exports:
        print(f"{made.id} {made.created_at:%Y-%m-%d %H:%M} {made.path}: {made.ratings} ratings")
    _tell_affected(exports, database, folders)


def _tell_affected(exports: Sequence[MadeExport], database: Path, folders: Sequence[Path]) -> None:
    for line in forgotten_lines(exports, [database.parent, *folders]):
        print(line)


async def _forget(database: Path, user: str) -> Forgotten:
    require(database)
    async with await Store.open(database) as store:
        return await store.forget(user)


if __name__ == "__main__":
    sys.exit(main())
