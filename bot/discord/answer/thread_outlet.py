"""Where an answer's messages go when each answer gets a thread of its own."""

import discord
import regex

from bot.discord.answer.outlet import ChannelOutlet
from bot.discord.answer.splitting import boundaries
from bot.discord.api.refusals import Remedy, remedy
from bot.text import has_substance

UNTITLED = "A question"
_TITLE_CHARACTERS = 80  # Discord takes 100
_ARCHIVE_MINUTES = 1440  # without a word in it
_ALREADY_THERE = 160004
_SIGNS = regex.compile(r"https?://\S+|[*~|`\\]+|(?<!\w)_+|_+(?!\w)|^[#>\s-]+", regex.MULTILINE)


def title_of(question: str) -> str:
    """A thread's title for a question: its first words, without Markdown. Pure."""
    words = " ".join(_SIGNS.sub("", question).split())
    if not has_substance(words):
        return UNTITLED
    if len(words) <= _TITLE_CHARACTERS:
        return words
    fitting = (place for place in boundaries(words) if place <= _TITLE_CHARACTERS)
    short = words[: max(fitting, default=0)]
    at_word = short.rpartition(" ")[0]
    return f"{(at_word or short).rstrip(' ,.;:')}…"


class ThreadOutlet:
    """Opens a thread on the message that asked, with the first message of the answer.

    Such a thread has the message's id, so its conversation is known before it is there. Where
    Discord refuses the thread, the answer goes to `in_place`, the outlet of a reply in the channel.
    `asker` is the id of the person who asked.
    """

    def __init__(
        self,
        client: discord.Client,
        in_place: ChannelOutlet,
        message_id: int,
        title: str,
        asker: int,
    ) -> None:
        self._client = client
        self._message_id = message_id
        self._title = title
        self._asker = asker
        self._in_thread = ChannelOutlet(client, message_id, None)
        self._in_place = in_place
        self._is_open = False
        self._is_refused = False

    @property
    def channel_id(self) -> int:
        """The thread's id, or the channel's where no thread could be opened."""
        return self._place.channel_id

    @property
    def mended(self) -> list[discord.HTTPException]:
        """What was refused and mended, here the thread itself."""
        return self._place.mended

    @property
    def replies(self) -> bool:
        """It is always clear whom it answers: by the thread, or by the reply."""
        return True

    @property
    def bucket(self) -> str:
        """The bucket of the thread, or of the channel."""
        return self._place.bucket

    async def send(self, content: str, view: discord.ui.View | None, nonce: str) -> int:
        """Send a message, for which the thread is opened if need be."""
        if not (self._is_open or self._is_refused):
            await self._open()
        return await self._place.send(content, view, nonce)

    async def edit(self, message_id: int, content: str, view: discord.ui.View | None) -> None:
        """Replace the content and the buttons of one of its messages."""
        try:
            await self._place.edit(message_id, content, view)
        except discord.NotFound:
            if self._is_open or self._is_refused:
                raise
            self._is_refused = True  # an earlier process wrote in place
            await self._place.edit(message_id, content, view)

    async def delete(self, message_id: int) -> None:
        """Delete one of its messages."""
        await self._place.delete(message_id)

    async def abandon(self) -> None:
        """Do nothing: the typing sign ends by itself."""

    def begin_typing(self) -> None:
        """Show “is typing” where the question stands."""
        self._in_place.begin_typing()

    async def end_typing(self) -> None:
        """Stop showing “is typing”."""
        await self._in_place.end_typing()

    async def _open(self) -> None:
        for title in (self._title, UNTITLED):
            try:
                await self._client.http.start_thread_with_message(
                    self._in_place.channel_id,
                    self._message_id,
                    name=title,
                    auto_archive_duration=_ARCHIVE_MINUTES,
                )
            except discord.HTTPException as refusal:
                if refusal.code == _ALREADY_THERE:
                    break
                match remedy(refusal):
                    case Remedy.LATER:
                        raise
                    case Remedy.REWORD if title != UNTITLED:
                        continue
                    case _:
                        self._is_refused = True
                        self.mended.append(refusal)
                        return
            else:
                await self._call_in()
                break
        self._is_open = True

    async def _call_in(self) -> None:
        """Let the person who asked see the thread in their list; it works without, too."""
        try:
            await self._client.http.add_user_to_thread(self._message_id, self._asker)
        except discord.HTTPException as refusal:
            self._in_thread.mended.append(refusal)

    @property
    def _place(self) -> ChannelOutlet:
        return self._in_place if self._is_refused else self._in_thread
