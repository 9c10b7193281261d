"""Writing the ratings with the answers they are about, to evaluate them elsewhere."""

import json
import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

from data.files.new_file import new_file
from data.records import YES, SettingKey
from data.store.database import reading

# A rater becomes a number that means nothing outside one export: names and ids of people do not
# leave. What was said on Discord leaves only if asker and rater both agreed to training use.
_RATED = """
WITH willing AS (
    SELECT scope_id FROM settings
    WHERE scope = 'user' AND key = ? AND value = ?
)
SELECT
    kind AS rating, ratings.created_at AS rated_at,
    CASE WHEN ratings.user_id IS NOT NULL
        THEN DENSE_RANK() OVER (ORDER BY ratings.user_id NULLS LAST) END AS rater,
    answers.id AS answer_id, answers.created_at AS answered_at, text AS answer, answers.variant,
    adapter_hash, model_id, finish_reason, prompt_tokens, completion_tokens, queue_ms,
    first_token_ms, total_ms, state, prompt, turns, sampling,
    front_end IN ('terminal', 'pipe') AS is_local
FROM ratings
JOIN answers ON answers.id = answer_id
JOIN requests ON requests.id = request_id
WHERE text <> '' AND (is_local OR (
    requests.user_id IN (SELECT * FROM willing)
    AND (ratings.user_id IS NULL OR ratings.user_id IN (SELECT * FROM willing))
))
ORDER BY ratings.id
"""


def export(path: Path, out: Path) -> int:
    """Write one line of JSON for each rating to the new file `out`; return how many.

    Ratings of answers whose text was forgotten are left out. So are those of answers given on
    Discord, unless the asker and the rater agreed to training use; of the conversations there,
    only the prompt and the system turn are written. Raises DataError if `out` exists, and the
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
    # A generator, so that only errors of the database are raised inside `reading`.
    with reading(path) as connection:
        yield from connection.execute(_RATED, (SettingKey.TRAINING_CONSENT, YES))


def _line(row: sqlite3.Row) -> dict[str, Any]:
    line = dict(row)
    turns = json.loads(line["turns"])
    if not line.pop("is_local"):  # earlier turns may quote people who did not agree
        system = [turn for turn in turns if turn["role"] == "system"]
        turns = [*system, {"role": "user", "content": line["prompt"]}]
    return line | {"turns": turns, "sampling": json.loads(line["sampling"])}
