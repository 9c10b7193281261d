"""Ratings with what they are about, for evaluation elsewhere."""

import json
import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

from data.files.new_file import new_file
from data.store.database import reading

# Who rated is a number that holds within one export; names and ids of people stay here. What
# people said elsewhere than at this machine goes along only if the asker and the rater both
# agreed to training use.
_RATED = """
WITH willing AS (
    SELECT scope_id FROM settings
    WHERE scope = 'user' AND key = 'training_consent' AND value = 'yes'
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
    """Write one JSON object a rating to the new file `out`; give how many.

    Answers whose text was forgotten are left out, and so is what people on Discord said unless
    they agreed to training use; of their conversations only the prompt itself goes along. Raises
    DataError if `out` exists, and the StoreErrors.
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
    line = dict(row)
    turns = json.loads(line["turns"])
    if not line.pop("is_local"):  # earlier turns may quote people who have not agreed
        system = [turn for turn in turns if turn["role"] == "system"]
        turns = [*system, {"role": "user", "content": line["prompt"]}]
    return line | {"turns": turns, "sampling": json.loads(line["sampling"])}
