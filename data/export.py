"""Ratings with what they are about, for evaluation elsewhere."""

import json
import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

from data.database import reading
from data.new_file import new_file

# Who rated is a number that holds within one export; names and ids of people stay here.
_RATED = """
SELECT
    kind AS rating, ratings.created_at AS rated_at,
    CASE WHEN ratings.user_id IS NOT NULL
        THEN DENSE_RANK() OVER (ORDER BY ratings.user_id NULLS LAST) END AS rater,
    answers.id AS answer_id, answers.created_at AS answered_at, text AS answer, answers.variant,
    adapter_hash, model_id, finish_reason, prompt_tokens, completion_tokens, queue_ms,
    first_token_ms, total_ms, state, prompt, turns, sampling
FROM ratings
JOIN answers ON answers.id = answer_id
JOIN requests ON requests.id = request_id
WHERE text <> ''
ORDER BY ratings.id
"""


def export(path: Path, out: Path) -> int:
    """Write one JSON object a rating to the new file `out`; give how many.

    Answers whose text was forgotten are left out. Raises DataError if `out` exists, and the
    StoreErrors.
    """
    count = 0
    with (
        new_file(out) as draft,
        draft.open("w", encoding="utf-8", newline="\n") as lines,
        closing(_rated(path)) as rows,
    ):
        for row in rows:
            lines.write(json.dumps(_line(row), ensure_ascii=False) + "\n")
            count += 1
    return count


def _rated(path: Path) -> Generator[sqlite3.Row]:
    # A generator, so that an error of the file written is not taken for one of the database.
    with reading(path) as connection:
        yield from connection.execute(_RATED)


def _line(row: sqlite3.Row) -> dict[str, Any]:
    parsed = {"turns": json.loads(row["turns"]), "sampling": json.loads(row["sampling"])}
    return dict(row) | parsed
