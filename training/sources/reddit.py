"""Reddit dumps: each comment is joined by id to the comment or submission that it replies to."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from data.errors import DatasetError
from training.scratch import Message, ReplyIndex
from training.sources.objects import Placed
from training.sources.reasons import DroppedRow, DropReason, Faults
from training.sources.row import SourceRow, SourceRows, int_cell, name_cell, text_cell

_COMMENT, _SUBMISSION = "t1_", "t3_"
_SUBMISSION_KEYS = {"id", "title", "selftext"}
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_TOP = "a comment on a submission that is in none of the files"
# What stands in place of a submission's text that is not there any more.
_GONE = frozenset({"[deleted]", "[removed]", ""})


class RedditIndex:
    """Comments and submissions of all dumps that are read together, in one index on the disk."""

    def __init__(self, index: ReplyIndex) -> None:
        self._index = index
        self._has_submissions = False

    def read(self, items: Iterator[Placed], faults: Faults) -> SourceRows:
        """A row for each comment of this dump that replies to something in any of the dumps.

        Call it for all dumps before a row is taken from one. The row's thread is the submission.
        A direct comment on a submission replies to its title and text; without any submissions it
        gives no row and is noted in `faults`. Raises DatasetError naming the file and the line.
        """
        source = self._index.add_source(lambda: self._messages(items, faults))
        return self._rows(source, faults)

    def _messages(self, items: Iterator[Placed], faults: Faults) -> Iterator[Message]:
        for message in faults.each(
            items, lambda where, place, item: [_message(where, place, item)]
        ):
            self._has_submissions |= _is_submission(message.id)
            yield message

    def _rows(self, source: int, faults: Faults) -> SourceRows:
        for row in self._index.replies(source):
            if row["comment"] is not None:
                yield _joined(row)
            elif self._has_submissions or not _is_submission(row["parent"]):
                yield DroppedRow(DropReason.NO_PARENT, row["place"], row["text"])
            else:
                faults.note(_TOP, row["place"])


def is_submission(item: dict[str, Any]) -> bool:
    """Whether a JSON object is a submission of a dump."""
    return item.keys() >= _SUBMISSION_KEYS


def _message(where: str, place: str, item: dict[str, Any]) -> Message:
    if is_submission(item):
        title, text = (text_cell(where, key, item[key]) for key in ("title", "selftext"))
        text = "" if text.strip().casefold() in _GONE else text
        shown = f"{title}\n\n{text}" if text else title
        return Message(_key(where, "id", item["id"], _SUBMISSION), None, place, shown)
    if missing := sorted({"id", "parent_id", "body"} - item.keys()):
        raise DatasetError(f"{where} lacks {', '.join(missing)}: is it a dump of comments?")
    return Message(
        _key(where, "id", item["id"], _COMMENT),
        _parent(where, item["parent_id"], item.get("link_id")),
        place,
        text_cell(where, "body", item["body"]),
        _thread(item.get("link_id")),
        name_cell(item.get("author")),
        int_cell(where, "score", item.get("score")),
        name_cell(item.get("subreddit")),
    )


def _parent(where: str, parent: object, link: object) -> int | None:
    """The key of what a comment replies to.

    A parent without a prefix is the submission if it is the same as `link`, else a comment; none
    at all is the submission.
    """
    if parent is None:
        return None if link is None else _key(where, "link_id", link, _SUBMISSION)
    kind = _SUBMISSION if parent == link and link is not None else _COMMENT
    if isinstance(parent, str):
        kind = _SUBMISSION if parent.startswith(_SUBMISSION) else kind
        if parent[:1] == "t" and parent[2:3] == "_" and parent[:3] not in (_COMMENT, _SUBMISSION):
            raise DatasetError(
                f"{where}: parent_id must be of a comment (t1_) or a submission (t3_), "
                f"not {parent[:40]!r}"
            )
    return _key(where, "parent_id", parent, kind)


def _key(where: str, key: str, value: object, kind: str) -> int:
    """The number in the index: comments are even, submissions odd.

    An id is a text in base 36, or the same number as a JSON number.
    """
    number = -1
    if isinstance(value, str):
        name = value.removeprefix(kind)
        try:
            # Python takes signs, spaces and underscores, too.
            number = int(name, 36) if name.isascii() and name.isalnum() else -1
        except ValueError:
            number = -1
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and value % 1 == 0:
        number = int(value)
    if not 0 <= number < 1 << 62:
        raise DatasetError(
            f"{where}: {key} must be a Reddit id such as c0ffee, not {str(value)[:40]!r}"
        )
    return 2 * number + (kind == _SUBMISSION)


def _is_submission(key: int) -> bool:
    return key % 2 == 1


def _thread(link: object) -> str | None:
    """The submission's id as dumps of comments mostly write it, t3_c0ffee."""
    if not isinstance(link, int) or link < 0:
        return name_cell(link)
    digits = ""
    while link or not digits:
        link, digit = divmod(link, 36)
        digits = _DIGITS[digit] + digits
    return _SUBMISSION + digits


def _joined(row: sqlite3.Row) -> SourceRow:
    return SourceRow(
        row["place"],
        row["comment"],
        row["text"],
        topic=row["topic"],
        thread=row["thread"],
        author=row["author"],
        score=row["score"],
    )
