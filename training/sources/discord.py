"""Messages of Discord as DiscordChatExporter writes them in JSON: replies and what they reply to.

Discord forbids training on such content unless it has permitted it: see `Opened.is_discord`.
"""

from collections.abc import Iterator
from typing import Any, cast

from data.errors import DatasetError
from training.scratch import Message, ReplyIndex
from training.sources.objects import Placed
from training.sources.reasons import DroppedRow, DropReason, Faults
from training.sources.row import SourceRow, SourceRows, name_cell, text_cell

# What people write; other types say that somebody joined, pinned and the like.
_SPOKEN = frozenset({"Default", "Reply", "0", "19", "None"})
_NEEDED = {"id", "content", "author"}
# Columns and keys that exports of Discord have which do not say what a message replies to: the
# exporter's CSV, and the archive that Discord gives each person of their own messages.
_OTHER_EXPORTS = (
    {"authorid", "author", "date", "content", "attachments", "reactions"},
    {"id", "timestamp", "contents", "attachments"},
)


def is_discord_message(item: dict[str, Any]) -> bool:
    """Whether a JSON object is a message as DiscordChatExporter or Discord's own API writes it."""
    author = item.get("author")
    if not (isinstance(author, dict) and item.keys() >= _NEEDED | {"timestamp"}):
        return False
    known = {"isBot", "discriminator", "global_name"} & cast("dict[str, Any]", author).keys()
    return bool(known) and bool({"isPinned", "timestampEdited", "channel_id"} & item.keys())


def is_other_export(keys: set[str]) -> bool:
    """Whether columns, in lower case, are of a Discord export that has no replies in it."""
    return any(keys >= known for known in _OTHER_EXPORTS)


class DiscordIndex:
    """Messages of all Discord exports that are read together, in one index on the disk."""

    def __init__(self, index: ReplyIndex) -> None:
        self._index = index

    def read(self, items: Iterator[Placed], faults: Faults) -> SourceRows:
        """A row for each message that replies to one in any of the files.

        Call it for all files before a row is taken from one. Messages that are no replies give no
        row; those of bots, and replies to bots, are dropped. Raises DatasetError naming file and
        place.
        """
        source = self._index.add_source(lambda: faults.each(items, _messages))
        return self._rows(source)

    def _rows(self, source: int) -> SourceRows:
        for row in self._index.replies(source):
            place, text = row["place"], row["text"]
            if row["comment"] is None:
                yield DroppedRow(DropReason.NO_PARENT, place, text)
            elif row["bot"] or row["comment_bot"]:
                yield DroppedRow(DropReason.BOT, place, text)
            else:
                yield SourceRow(place, row["comment"], text, row["topic"], author=row["author"])


def _messages(where: str, place: str, item: dict[str, Any]) -> Iterator[Message]:
    """The message, if it is one that a person or a bot wrote."""
    if missing := sorted(_NEEDED - item.keys()):
        raise DatasetError(f"{where} lacks {', '.join(missing)}: is it a message of Discord?")
    if str(item.get("type")) not in _SPOKEN:
        return
    author, reference = (
        _object(item["author"]),
        _object(item.get("reference") or item.get("message_reference")),
    )
    parent = reference.get("messageId") or reference.get("message_id")
    yield Message(
        _snowflake(where, "id", item["id"]),
        None if parent is None else _snowflake(where, "reference.messageId", parent),
        place,
        text_cell(where, "content", item["content"]),
        author=name_cell(author.get("id")),
        bot=bool(author.get("isBot") or author.get("bot")),
    )


def _object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _snowflake(where: str, key: str, value: object) -> int:
    text = str(value)
    if not (text.isascii() and text.isdecimal() and int(text) < 1 << 63):
        raise DatasetError(f"{where}: {key} must be the id of a message, not {text[:40]!r}")
    return int(text)
