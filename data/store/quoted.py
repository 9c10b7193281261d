"""What other people's stored requests hold of a person: their lines, and what was said to them."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from data.records import Turn
from data.store.connection import RunStatement
from data.store.rows import to_turns, turns_json
from data.turns import has_parts, said_by, told_apart, without


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
