"""Everything that is stored of one person, to hand over to that person."""

import sqlite3
from typing import Any

from data.records import PersonalData
from data.store.tables import Tables


class People(Tables):
    """What `personal_data` reads of every table."""

    async def personal_data(self, user_id: str) -> PersonalData:
        """Give what a person wrote, was answered, rated and chose, as at one moment.

        Of the turns given to the model only the person's own prompt is here: the earlier ones
        are other rows of this same data, or other people's words.
        """
        async with self._connection.transaction() as run:
            requests = await run(
                """
                SELECT requests.id AS request, requests.created_at AS asked_at, front_end,
                    conversation, user_name, prompt, state, error, in_history,
                    answers.id AS answer, answers.created_at AS answered_at, text,
                    answers.variant, model_id, adapter_hash, finish_reason, prompt_tokens,
                    completion_tokens, total_ms
                FROM requests LEFT JOIN answers ON request_id = requests.id
                WHERE user_id = ? ORDER BY requests.id
                """,
                user_id,
            )
            ratings = await run(
                """
                SELECT answer_id AS answer, kind AS rating, created_at AS rated_at,
                    by_asker AS own_answer
                FROM ratings WHERE user_id = ? ORDER BY id
                """,
                user_id,
            )
            reactions = await run(
                """
                SELECT front_end, message_id, emoji, is_super, kind AS rating,
                    created_at AS seen_at
                FROM reactions WHERE user_id = ? ORDER BY created_at
                """,
                user_id,
            )
            settings = await run(
                "SELECT key, value FROM settings WHERE scope = 'user' AND scope_id = ?", user_id
            )
        return PersonalData(user_id, *map(_dicts, (requests, ratings, reactions, settings)))


def _dicts(rows: list[sqlite3.Row]) -> list[dict[str, Any]]:
    return [dict(row) for row in rows]
