"""Writing the ratings with the answers they are about, to evaluate and to train elsewhere.

Discord forbids training models on message content got through its API, unless Discord has
permitted it (Discord Developer Policy, in force since July 2024). So what was said on Discord
leaves only where that permission is recorded and the people agreed. What was typed on this machine
is free.
"""

import json
import secrets
import sqlite3
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data.files.export_manifest import (
    LOCAL_ORIGINS,
    ExportManifest,
    LeftOut,
    manifest_path,
)
from data.files.new_file import file_sha256, new_file
from data.records import YES, MadeExport, SettingKey
from data.store.database import connect, require
from data.store.exports import PersonHash, record_export
from data.store.faults import converted
from data.store.quoted import REPEATED, WRITER

# Who repeats another person's request by a button asks with that person's words. That matters only
# where a request of somebody who agreed is rated.
_RATED = f"""
WITH RECURSIVE willing AS (
    SELECT scope_id FROM settings
    WHERE scope = 'user' AND key = ? AND value = ?
), rated AS MATERIALIZED (
    SELECT * FROM requests WHERE user_id IN (SELECT * FROM willing) AND id IN (
        SELECT request_id FROM answers JOIN ratings ON answer_id = answers.id
    )
), asked AS MATERIALIZED (
    SELECT id FROM requests WHERE user_id NOT IN (SELECT * FROM willing)
        AND conversation IN (SELECT conversation FROM rated)
        AND prompt IN (SELECT prompt FROM rated)
    UNION
    SELECT id FROM rated AS requests WHERE {WRITER} NOT IN (SELECT * FROM willing)
), {REPEATED}
SELECT
    kind AS rating, ratings.created_at AS rated_at, ratings.user_id AS rater,
    answers.id AS answer_id, answers.created_at AS answered_at, text AS answer, answers.variant,
    adapter_hash, model_id, finish_reason, prompt_tokens, completion_tokens, queue_ms,
    first_token_ms, total_ms, state, prompt, turns, sampling, front_end AS origin,
    requests.user_id IN (SELECT * FROM willing)
        AND requests.id NOT IN (SELECT id FROM repeated) AS asker_agrees,
    ratings.user_id IS NOT NULL AND ratings.user_id IN (SELECT * FROM willing) AS rater_agrees
FROM ratings
JOIN answers ON answers.id = answer_id
JOIN requests ON requests.id = request_id
ORDER BY ratings.id
"""  # noqa: S608 - a literal


def export(
    path: Path,
    out: Path,
    permission: str | None = None,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ExportManifest:
    """Write one line of JSON for each rating to the new file `out`, and its manifest beside it.

    `permission` is the reference of Discord's permission to train on messages. Without it no
    rating of an answer on Discord is written; with it, those for which the asker and the rater
    agreed to training use, and of these conversations only the prompt and the system turn.
    Ratings of answers whose text was forgotten are left out as well. The manifest counts what was
    left out. People's ids are written as keyed hashes.

    The database remembers the export. Raises DataError if one of the files exists, and the
    StoreErrors; nothing is written then.
    """
    export_id = secrets.token_hex(8)
    with (
        new_file(out) as draft,
        new_file(manifest_path(out)) as beside,
        _transaction(path) as connection,
    ):
        people, written = PersonHash(connection), _Written()
        with draft.open("w", encoding="utf-8", newline="\n") as lines:
            for row in written.take(_rated(path, connection), permitted=permission is not None):
                line = _line(row, people, export_id, permission)
                lines.write(json.dumps(line, ensure_ascii=False) + "\n")
        manifest = ExportManifest(
            id=export_id,
            created=now(),
            database=people.database,
            file=out.name,
            sha256=file_sha256(draft),
            permission=permission,
            ratings=len(written.ratings),
            discord_ratings=written.discord,
            left_out={reason: written.left_out[reason] for reason in LeftOut},
            answers=tuple(dict.fromkeys(answer for answer, _ in written.ratings)),
        )
        beside.write_text(manifest.to_json(), encoding="utf-8")
        made = MadeExport(
            export_id, str(out.absolute()), manifest.sha256, permission, manifest.created,
            manifest.ratings, 0,
        )  # fmt: skip
        with converted(path):
            record_export(connection, made, written.ratings)
    return manifest


class _Written:
    """What was written: the answer and the rater of each rating; and what was left out, and why."""

    def __init__(self) -> None:
        self.ratings: list[tuple[int, str | None]] = []
        self.discord = 0
        self.left_out: Counter[LeftOut] = Counter()

    def take(self, rows: Iterator[sqlite3.Row], *, permitted: bool) -> Iterator[sqlite3.Row]:
        """The rows that may be written."""
        for row in rows:
            reason = left_out(row, permitted=permitted)
            if reason is not None:
                self.left_out[reason] += 1
                continue
            self.ratings.append((row["answer_id"], row["rater"]))
            self.discord += row["origin"] not in LOCAL_ORIGINS
            yield row


def left_out(row: sqlite3.Row, *, permitted: bool) -> LeftOut | None:
    """Why a rating must not be written; None if it may. Pure."""
    if not row["answer"]:
        return LeftOut.FORGOTTEN
    if row["origin"] in LOCAL_ORIGINS:
        return None
    if not permitted:
        return LeftOut.PERMISSION
    if not row["asker_agrees"]:
        return LeftOut.ASKER
    return None if row["rater_agrees"] else LeftOut.RATER


@contextmanager
def _transaction(path: Path) -> Generator[sqlite3.Connection]:
    """A transaction that writes; what others write waits for its end."""
    require(path)
    with closing(connect(path)) as connection:
        with converted(path):
            connection.execute("BEGIN IMMEDIATE")
        yield connection
        with converted(path):
            connection.execute("COMMIT")


def _rated(path: Path, connection: sqlite3.Connection) -> Iterator[sqlite3.Row]:
    # A generator, so that only errors of the database are raised inside `converted`.
    with converted(path):
        yield from connection.execute(_RATED, (SettingKey.TRAINING_CONSENT, YES))


def _line(
    row: sqlite3.Row, people: PersonHash, export_id: str, permission: str | None
) -> dict[str, Any]:
    line = {key: row[key] for key in row.keys() if not key.endswith("_agrees")}  # noqa: SIM118 - a row iterates over its values
    turns = [
        {"role": turn["role"], "content": turn["content"]} for turn in json.loads(line["turns"])
    ]
    on_discord = line["origin"] not in LOCAL_ORIGINS
    if on_discord:  # earlier turns may quote people who did not agree
        system = [turn for turn in turns if turn["role"] == "system"]
        turns = [*system, {"role": "user", "content": line["prompt"]}]
    return line | {
        "rater": people.of(row["rater"]) if row["rater"] is not None else None,
        "turns": turns,
        "sampling": json.loads(line["sampling"]),
        "export": export_id,
        "permission": permission if on_discord else None,
    }
