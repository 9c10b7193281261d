"""Which columns or keys of a file hold what."""

from collections.abc import Sequence
from dataclasses import dataclass

from data.errors import DatasetError

_COMMENT = ("comment",)
_REPLY = ("reply", "response")


@dataclass(frozen=True, slots=True)
class Columns:
    """The column names that the user gave.

    Without a name the comment is in the column `comment` and the reply in `reply` or `response`,
    in upper or lower case; the other columns are not read.
    """

    comment: str | None = None
    reply: str | None = None
    thread: str | None = None
    author: str | None = None
    score: str | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """The column names as one file spells them; None where the file has no such column."""

    comment: str
    reply: str
    topic: str | None
    thread: str | None
    author: str | None
    score: str | None


def find_keys(where: str, found: Sequence[str], wanted: Columns) -> Keys:
    """The wanted columns among those found in a file.

    Raises DatasetError if one is missing or stands twice; it names those and the found ones.
    """
    _refuse_twice(where, found, wanted)
    comment = _find(found, wanted.comment, _COMMENT)
    reply = _find(found, wanted.reply, _REPLY)
    extra = {
        name: _find(found, value, ())
        for name, value in (
            ("thread", wanted.thread), ("author", wanted.author), ("score", wanted.score),
        )
    }  # fmt: skip
    missing = [
        name or standard
        for name, standard, key in (
            (wanted.comment, "comment", comment),
            (wanted.reply, "reply (or response)", reply),
            *((getattr(wanted, name), name, key) for name, key in extra.items()),
        )
        if key is None and (name or standard not in extra)
    ]
    if missing or comment is None or reply is None:
        raise DatasetError(
            f"{where} lacks {', '.join(missing)}; it has {', '.join(found) or 'no column'}: "
            "name the right ones with --comment-column and --reply-column"
        )
    return Keys(comment, reply, _find(found, None, ("topic",)), **extra)


def _find(found: Sequence[str], wanted: str | None, standard: Sequence[str]) -> str | None:
    if wanted is not None:
        return wanted if wanted in found else None
    return next((name for name in found if name.strip().casefold() in standard), None)


def _refuse_twice(where: str, found: Sequence[str], wanted: Columns) -> None:
    """Raise DatasetError if one of the wanted columns could be either of two."""
    for what, name, standard in (
        ("comment", wanted.comment, _COMMENT),
        ("reply", wanted.reply, _REPLY),
        ("thread", wanted.thread, ()),
        ("author", wanted.author, ()),
        ("score", wanted.score, ()),
    ):
        fits = [
            one
            for one in found
            if (one == name if name is not None else one.strip().casefold() in standard)
        ]
        if len(fits) > 1:
            raise DatasetError(
                f"{where} has {len(fits)} columns for the {what} ({', '.join(fits)}): rename or "
                f"remove one, or name the right one with --{what}-column"
            )
