"""What stored requests hold of other people: their lines, what was said to them, whole prompts.

A button repeats a request, or goes on with its answer: then somebody asks with another's words.
There is one query for that, by which words are forgotten, taken back and kept out of exports.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from data.records import Turn
from data.store.connection import RunStatement
from data.store.rows import to_turns, turns_json
from data.turns import has_parts, said_by, told_apart, without

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


@dataclass(frozen=True, slots=True)
class QuotingRequest:
    """Somebody else's request whose turns hold parts of a person.

    `is_old` says that its parts were told apart by their labels.
    """

    id: int
    conversation: str
    turns: tuple[Turn, ...]
    is_old: bool


async def quoting_requests(
    run: RunStatement, user_id: str, names: Collection[str] = ()
) -> list[QuotingRequest]:
    """Return other people's requests that hold something of this person, oldest first.

    `names` are labels of the person in requests stored before their parts were told apart, besides
    the names that the person asked under.
    """
    called = await run("SELECT DISTINCT user_name FROM requests WHERE user_id = ?", user_id)
    labels = {*names, *(row["user_name"] for row in called)} - {""}
    found = [*await _with_parts(run, user_id), *await _labelled(run, user_id, labels)]
    return sorted(found, key=lambda one: one.id)


async def quoted_of(run: RunStatement, user_id: str) -> list[dict[str, Any]]:
    """Return a row for each different part: where it was said, by whom, and the requests."""
    rows: dict[tuple[str, str, str], list[int]] = {}
    for one in await quoting_requests(run, user_id):
        for role, text in dict.fromkeys(said_by(one.turns, user_id)):
            rows.setdefault((one.conversation, role, text), []).append(one.id)
    return [
        {"conversation": conversation, "role": role, "text": text, "in_requests": requests}
        for (conversation, role, text), requests in rows.items()
    ]


async def forget_quoted(run: RunStatement, user_id: str, names: Collection[str]) -> None:
    """Take a person's parts out of other people's turns, and leave everything else as it is."""
    for one in await quoting_requests(run, user_id, names):
        left = without(one.turns, user_id)
        if one.is_old:  # labels show whose the person's parts were; of the others we know no more
            left = tuple(Turn(turn.role, turn.content) for turn in left)
        await run("UPDATE requests SET turns = ? WHERE id = ?", turns_json(left), one.id)


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


async def _with_parts(run: RunStatement, user_id: str) -> list[QuotingRequest]:
    # The text's search only saves reading every row: the parts decide.
    rows = await run(
        """
        SELECT id, conversation, turns FROM requests
        WHERE user_id <> ? AND instr(turns, ?) > 0 ORDER BY id
        """,
        user_id,
        json.dumps(user_id, ensure_ascii=False),
    )
    found = [
        QuotingRequest(row["id"], row["conversation"], to_turns(row["turns"]), is_old=False)
        for row in rows
    ]
    return [one for one in found if said_by(one.turns, user_id)]


async def _labelled(
    run: RunStatement, user_id: str, labels: Collection[str]
) -> list[QuotingRequest]:
    found: dict[int, QuotingRequest] = {}
    known: dict[str, dict[str, str]] = {}  # labels by conversation
    for label in labels:
        rows = await run(
            """
            SELECT id, conversation, user_id, user_name, prompt, turns FROM requests
            WHERE user_id <> ? AND prompt <> '' AND instr(turns, ?) > 0
            """,
            user_id,
            f"{json.dumps(label, ensure_ascii=False)[1:-1]}: ",
        )
        for row in rows:
            turns = to_turns(row["turns"])
            if row["id"] in found or has_parts(turns):
                continue
            place = row["conversation"]
            if place not in known:
                others = await _known_labels(run, place)
                known[place] = others | dict.fromkeys(labels, user_id)
            apart = told_apart(turns, row["user_id"], row["user_name"], row["prompt"], known[place])
            if said_by(apart, user_id):
                found[row["id"]] = QuotingRequest(row["id"], place, apart, is_old=True)
    return list(found.values())


async def _known_labels(run: RunStatement, conversation: str) -> dict[str, str]:
    rows = await run(
        "SELECT DISTINCT user_name, user_id FROM requests WHERE conversation = ?", conversation
    )
    return {row["user_name"]: row["user_id"] for row in rows}
