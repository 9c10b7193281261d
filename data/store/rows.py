"""Between records and rows: what goes into the database, and what is read from it."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from data.records import (
    Answer,
    AnswerMessages,
    Rating,
    RatingKind,
    Reaction,
    Request,
    RequestMessage,
    RequestState,
    Said,
    Sampling,
    Turn,
)

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def clean(text: str) -> str:
    """Return `text` with each NUL and each lone surrogate replaced by U+FFFD.

    A lone surrogate has no UTF-8 form, and a NUL ends the text for SQLite's own functions. Two
    surrogates that form a pair become the one character they mean. Everything else is kept,
    control characters too.
    """
    if text.isascii():
        return text.replace("\0", REPLACEMENT)
    units = text.encode("utf-16-le", "surrogatepass")
    return units.decode("utf-16-le", "replace").replace("\0", REPLACEMENT)


def stamp(moment: datetime) -> str:
    """Return a time as the database holds it: UTC in ISO 8601, always of the same width.

    So the order of the texts is the order of the times.
    """
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def turns_json(turns: Sequence[Turn]) -> str:
    """Return turns as JSON, with cleaned texts.

    Where it is known whose parts a turn has, `said` lists for each the person's id, or null, and
    its length in characters.
    """
    return json.dumps([_turn_json(turn) for turn in turns], ensure_ascii=False)


def _turn_json(turn: Turn) -> dict[str, Any]:
    # Cleaned here and not by the connection: JSON would have escaped a NUL by then.
    if not turn.said:
        return {"role": turn.role, "content": clean(turn.content)}
    parts = [(part.user_id, clean(part.text)) for part in turn.said]
    return {
        "role": turn.role,
        "content": "\n".join(text for _, text in parts),
        "said": [[user_id, len(text)] for user_id, text in parts],
    }


def to_turns(text: str) -> tuple[Turn, ...]:
    """Make turns of the JSON that `turns_json` made."""
    return tuple(_turn(**turn) for turn in json.loads(text))


def _turn(role: Any, content: str, said: Sequence[tuple[str | None, int]] = ()) -> Turn:  # noqa: ANN401
    parts: list[Said] = []
    start = 0
    for user_id, length in said:
        parts.append(Said(user_id, content[start : start + length]))
        start += length + 1
    return Turn(role, content, tuple(parts))


def sampling_json(sampling: Sampling) -> str:
    """Return sampling parameters as JSON, with cleaned stop strings."""
    fields = asdict(sampling) | {"stop": [clean(text) for text in sampling.stop]}
    return json.dumps(fields, ensure_ascii=False)


def to_request(row: sqlite3.Row) -> Request:
    """Make a Request of a row of the table `requests`."""
    sampling = json.loads(row["sampling"])
    return Request(
        id=row["id"],
        source_key=row["source_key"],
        conversation=row["conversation"],
        front_end=row["front_end"],
        user_id=row["user_id"],
        user_name=row["user_name"],
        prompt=row["prompt"],
        turns=to_turns(row["turns"]),
        variant=row["variant"],
        sampling=Sampling(**sampling | {"stop": tuple(sampling["stop"])}),
        in_history=bool(row["in_history"]),
        is_counted=bool(row["is_counted"]),
        state=RequestState(row["state"]),
        attempts=row["attempts"],
        created_at=datetime.fromisoformat(row["created_at"]),
        started_at=_moment(row["started_at"]),
        ended_at=_moment(row["ended_at"]),
        error=row["error"],
    )


def to_answer(row: sqlite3.Row) -> Answer:
    """Make an Answer of a row of the table `answers`."""
    return Answer(
        id=row["id"],
        request_id=row["request_id"],
        text=row["text"],
        variant=row["variant"],
        adapter_hash=row["adapter_hash"],
        model_id=row["model_id"],
        finish_reason=row["finish_reason"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        queue_ms=row["queue_ms"],
        first_token_ms=row["first_token_ms"],
        total_ms=row["total_ms"],
        created_at=datetime.fromisoformat(row["created_at"]),
    )


def to_rating(row: sqlite3.Row) -> Rating:
    """Make a Rating of a row of the table `ratings`."""
    return Rating(
        answer_id=row["answer_id"],
        user_id=row["user_id"],
        kind=RatingKind(row["kind"]),
        created_at=datetime.fromisoformat(row["created_at"]),
    )


def to_reaction(row: sqlite3.Row) -> Reaction:
    """Make a Reaction of a row of the table `reactions`."""
    return Reaction(
        message_id=row["message_id"],
        user_id=row["user_id"],
        emoji=row["emoji"],
        kind=RatingKind(row["kind"]),
        is_super=bool(row["is_super"]),
    )


def to_request_message(row: sqlite3.Row) -> RequestMessage:
    """Make a RequestMessage of a row with `channel_id`, `message_id` and `position`."""
    return RequestMessage(row["channel_id"], row["message_id"], row["position"])


def to_answer_messages(row: sqlite3.Row) -> AnswerMessages:
    """Make an AnswerMessages of a row with `answer_id`, `channel_id` and `message_ids`.

    `message_ids` is a JSON list.
    """
    return AnswerMessages(
        row["answer_id"], row["channel_id"], tuple(json.loads(row["message_ids"]))
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
