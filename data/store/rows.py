"""Rows of the database to records and back."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from data.records import (
    Answer,
    AnswerMessages,
    Rating,
    RatingKind,
    Reaction,
    Request,
    RequestState,
    Sampling,
    Turn,
)
from data.store.text import clean


def stamp(moment: datetime) -> str:
    """Write a time as the database holds it: UTC, of one width, so that it sorts as text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def turns_json(turns: Sequence[Turn]) -> str:
    """Write turns as JSON, cleaned before JSON escapes what is to be cleaned."""
    cleaned = [{"role": turn.role, "content": clean(turn.content)} for turn in turns]
    return json.dumps(cleaned, ensure_ascii=False)


def sampling_json(sampling: Sampling) -> str:
    """Write sampling parameters as JSON, cleaned likewise."""
    fields = asdict(sampling) | {"stop": [clean(text) for text in sampling.stop]}
    return json.dumps(fields, ensure_ascii=False)


def to_request(row: sqlite3.Row) -> Request:
    """Read a row of `requests`."""
    sampling = json.loads(row["sampling"])
    return Request(
        id=row["id"],
        source_key=row["source_key"],
        conversation=row["conversation"],
        front_end=row["front_end"],
        user_id=row["user_id"],
        user_name=row["user_name"],
        prompt=row["prompt"],
        turns=tuple(Turn(**turn) for turn in json.loads(row["turns"])),
        variant=row["variant"],
        sampling=Sampling(**sampling | {"stop": tuple(sampling["stop"])}),
        in_history=bool(row["in_history"]),
        state=RequestState(row["state"]),
        attempts=row["attempts"],
        created_at=datetime.fromisoformat(row["created_at"]),
        started_at=_moment(row["started_at"]),
        ended_at=_moment(row["ended_at"]),
        error=row["error"],
    )


def to_answer(row: sqlite3.Row) -> Answer:
    """Read a row of `answers`."""
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
    """Read a row of `ratings`."""
    return Rating(
        answer_id=row["answer_id"],
        user_id=row["user_id"],
        kind=RatingKind(row["kind"]),
        created_at=datetime.fromisoformat(row["created_at"]),
    )


def to_reaction(row: sqlite3.Row) -> Reaction:
    """Read a row of `reactions`."""
    return Reaction(
        message_id=row["message_id"],
        user_id=row["user_id"],
        emoji=row["emoji"],
        kind=RatingKind(row["kind"]),
        is_super=bool(row["is_super"]),
    )


def to_answer_messages(row: sqlite3.Row) -> AnswerMessages:
    """Read the rows of `answer_messages` that were grouped by answer and channel."""
    return AnswerMessages(
        row["answer_id"], row["channel_id"], tuple(json.loads(row["message_ids"]))
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
