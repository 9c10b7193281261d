"""All that Discord shows of a message, as text: the one place that knows what counts as content."""

from dataclasses import dataclass

import discord

from bot.chat.people import Person, shortened
from bot.discord.content.components import embed_text, layout_text, poll_text
from bot.discord.content.file_kinds import may_be_text, media_word
from bot.discord.content.markup import MentionNames, people_in, readable
from bot.discord.content.system_lines import system_line

MESSAGE_CHARS = 6000  # of a message that is not the question itself
CUT_SIGN = " …"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a message shows.

    `said` is what its author typed, or what Discord says in a system message. `shown` is the rest
    that can be read: a post's title, embeds, a poll, stickers, what was forwarded, what is written
    about pictures for the blind. Mentions of people in both are `people.mention`s of those in
    `mentioned`. `files` may hold text, `unread` names what cannot be read, such as pictures.
    `is_whole` is whether there are no such files at all.
    """

    said: str = ""
    shown: str = ""
    mentioned: tuple[Person, ...] = ()
    files: tuple[discord.Attachment, ...] = ()
    unread: tuple[str, ...] = ()
    is_whole: bool = True

    @property
    def text(self) -> str:
        """All that can be read without opening files."""
        return _lines(self.said, self.shown)

    def whole(self, files: str = "") -> str:
        """Everything, also the names of what cannot be read; `files` is the text of its files."""
        return cut(_lines(self.text + files, *self.unread), MESSAGE_CHARS)


def contents_of(message: discord.Message, names: MentionNames) -> Contents:
    """What a message shows, mentions by `names`. A call of the bot is no content."""
    line = system_line(message)
    said = readable(message.content if line is None else line, names)
    forwarded = [_forwarded(one, names) for one in message.message_snapshots]
    carriers = (message, *message.message_snapshots)
    attached = [file for one in carriers for file in one.attachments]
    closed = [file for file in attached if not may_be_text(file)]
    shown = _lines(
        _title(message),
        "" if message.poll is None else poll_text(message.poll),
        _decoration(message, names),
        *forwarded,
        *(_closed(file) for file in closed if file.description),
    )
    return Contents(
        said,
        shown,
        people_in(f"{said}\n{shown}", names),
        tuple(file for file in attached if may_be_text(file)),
        tuple(_closed(file) for file in closed if not file.description),
        not closed,
    )


def cut(text: str, room: int) -> str:
    """The text, shortened to `room` characters where it is longer, with a sign that it was."""
    if len(text) <= room:
        return text
    return shortened(text, room - len(CUT_SIGN)) + CUT_SIGN[: max(0, room)]


def _title(message: discord.Message) -> str:
    """The title of the forum post that this message begins; it has the id of its thread."""
    post = message.channel
    if message.id != post.id or not isinstance(post, discord.Thread):
        return ""
    tags = ", ".join(tag.name for tag in post.applied_tags)
    return f"[post: {post.name}{f'; tags: {tags}' if tags else ''}]"


def _decoration(one: discord.Message | discord.MessageSnapshot, names: MentionNames) -> str:
    """Layout, embeds and stickers."""
    parts = [layout_text(one.components), *map(embed_text, one.embeds)]
    parts += [f"[sticker: {sticker.name}]" for sticker in one.stickers]
    return readable(_lines(*parts), names)


def _forwarded(snapshot: discord.MessageSnapshot, names: MentionNames) -> str:
    text = _lines(readable(snapshot.content, names), _decoration(snapshot, names))
    return f"[forwarded message]\n{text}" if text else ""


def _closed(file: discord.Attachment) -> str:
    """The name of what cannot be read, with what its author wrote about it for the blind."""
    about = f": {file.description}" if file.description else ""
    return f"[{media_word(file)} {file.filename}{about}]"


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
