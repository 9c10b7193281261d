"""Which requests ask with the words of another: buttons repeat a request, or go on with its answer.

This is the one query for it: what is forgotten, taken back or kept out of an export goes by it.
"""

import json
from typing import Final, LiteralString

from data.store.connection import RunStatement

WRITER: Final[LiteralString] = "json_extract(requests.turns, '$[#-1].said[#-1][0]')"
"""SQL for whose the last part of a request's turns is: the prompt, or the answer to it.

That is the person's id, NULL where it is not known. `data.turns.is_asked_by` says the same.
"""

# A button's request has the very turns of the first one, perhaps without the oldest of them. No
# text in JSON can read like the beginning of a turn: its quotation marks are escaped.
_NEWEST: Final[LiteralString] = (
    """substr(requests.turns, instr(requests.turns, '{"role": "user"'))"""
)

REPEATED: Final[LiteralString] = f"""
candidates AS MATERIALIZED (
    SELECT * FROM requests
    WHERE conversation IN (SELECT conversation FROM requests WHERE id IN (SELECT id FROM asked))
        AND id > (SELECT MIN(id) FROM asked) AND prompt <> ''
        AND prompt IN (SELECT prompt FROM requests WHERE id IN (SELECT id FROM asked))
), repeated (id) AS (
    SELECT id FROM asked
    UNION
    SELECT requests.id FROM repeated JOIN requests AS own ON own.id = repeated.id
    JOIN candidates AS requests ON requests.conversation = own.conversation
        AND requests.prompt = own.prompt AND requests.id > own.id
    WHERE instr(requests.source_key, ':interaction:') > 0
            AND substr(own.turns, -length({_NEWEST})) = {_NEWEST}
        OR instr(requests.source_key, ':continuation:' || own.id || ':') > 0
        OR requests.user_id <> own.user_id AND {WRITER} = own.user_id
)
"""  # noqa: S608 - a literal
"""Two table expressions, of which `repeated` has the ids in `asked`, and of all that repeats these.

They follow a table expression `asked (id)` in a WITH RECURSIVE. The candidates are those that read
like one of `asked`: in one look at each conversation, so that SQLite can make an index of them.
"""


async def repeating_requests(run: RunStatement, user_id: str) -> list[int]:
    """Return the ids of other people's requests that ask with this person's words, in order."""
    # The text's search only saves reading every row as JSON.
    rows = await run(
        f"""
        WITH RECURSIVE asked AS (
            SELECT id FROM requests WHERE user_id = ?1
                OR (instr(turns, ?2) > 0 AND {WRITER} = ?1)
        ), {REPEATED}
        SELECT id FROM requests
        WHERE user_id <> ?1 AND id IN (SELECT id FROM repeated) ORDER BY id
        """,  # noqa: S608 - a literal
        user_id,
        json.dumps(user_id, ensure_ascii=False),
    )
    return [row["id"] for row in rows]
