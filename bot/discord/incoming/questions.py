"""A question as the person who asks it sees it: its text, what it points at, what came before."""

import logging
from dataclasses import dataclass

import discord

from bot.chat.conversation import Utterance
from bot.chat.people import Person
from bot.discord import phrases
from bot.discord.api.patience import Patience
from bot.discord.content.contents import MESSAGE_CHARS, Contents, contents_of, cut
from bot.discord.content.markup import people_in, readable
from bot.discord.identity import own_id
from bot.discord.incoming.history import History
from bot.discord.incoming.links import LINKS, LinkedMessages, MessageLink, links_in
from bot.discord.incoming.message_cache import MessageCache
from bot.discord.incoming.reading import names_at, names_in, replied_to, speaker_of
from bot.errors import UserError
from data.errors import StoreError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """What goes into a conversation for one question.

    `text` is the question, with `people.mention`s of those in `mentioned`; `history` what was said
    before, what it points at last. `notices` are remarks for the person.
    """

    text: str
    mentioned: tuple[Person, ...] = ()
    history: tuple[Utterance, ...] = ()
    notices: tuple[str, ...] = ()


class Questions:
    """Reads questions. Apart from the store's, no failure keeps a question from being read."""

    def __init__(self, client: discord.Client, history: History, cache: MessageCache) -> None:
        self._client = client
        self._history = history
        self._cache = cache
        self._linked = LinkedMessages(client)

    async def of_message(
        self,
        message: discord.Message,
        room: int,
        *,
        written: discord.Message | None = None,
        whole_place: bool = False,
    ) -> Heard:
        """What a message asks, at most `room` characters besides what its author typed.

        What it replies to comes before it, and with `whole_place` all that was said in its channel.
        `written` is the message that a person wrote where `message` is a proxy bot's copy of it.
        Raises UserError where there is nothing to read.
        """
        written = written or message
        patience = Patience()
        contents = self._contents(message)
        shown = cut(contents.shown, max(0, room - len(contents.said)))
        text = "\n".join(filter(None, (contents.said, shown)))
        unread = "".join(f"\n{name}" for name in contents.unread)
        left = room - len(text) - len(unread)
        files, notices = await self._cache.files.read(contents.files, left, patience)
        said = (text + files).strip()
        if not said and contents.files:
            raise UserError(" ".join(notices))
        history = await self._before(written, patience, whole_place=whole_place)
        pointed = _replied(written)
        if pointed is not None:
            notices += await self._remarks_about(pointed, patience)
            if not said and not history:  # from before a reset, and pointed at all the same
                history = await self._history.alone(pointed, patience)
        if not said and not history:
            raise UserError(phrases.NO_IMAGES)
        around = links_in("\n".join((contents.text, pointed.content if pointed else "")))
        linked = await self._follow(around, message.author, patience)
        if not contents.is_whole:
            notices = (phrases.OTHER_FILES, *notices)
        said = said or phrases.ABOUT_PROMPT
        return Heard(
            said + unread if len(said) + len(unread) <= room else said,
            self._named(message.guild, contents.mentioned),
            (*history, *linked),
            tuple(dict.fromkeys(notices)),
        )

    async def of_command(
        self, interaction: discord.Interaction, prompt: str, *, whole_place: bool
    ) -> Heard:
        """What somebody asks by command. Raises UserError or StoreError."""
        channel = interaction.channel
        if channel is None:
            raise UserError(phrases.GONE)
        patience = Patience()
        names = names_at(interaction.guild, self._client.user)
        self._cache.names.learn_person(interaction.user)
        text = readable(prompt, names)
        history: tuple[Utterance, ...] = ()
        if whole_place and isinstance(channel, discord.abc.Messageable):
            history = await self._history.of_channel(channel, channel, interaction, patience)
        linked = await self._follow(links_in(prompt), interaction.user, patience)
        people = self._named(interaction.guild, people_in(text, names))
        return Heard(text, people, (*history, *linked))

    def shows_something(self, message: discord.Message) -> bool:
        """Whether a message shows anything that can be read, as far as is known before reading."""
        contents = self._contents(message)
        return bool(contents.text or contents.files)

    async def about(self, message: discord.Message, asker: discord.abc.User) -> Heard:
        """What somebody asks by pointing at a message and saying nothing.

        Raises UserError where the message shows nothing that can be read, or StoreError.
        """
        patience = Patience()
        contents = self._contents(message)
        self._cache.names.learn_person(asker)
        room = MESSAGE_CHARS - len(contents.text)
        files, _ = await self._cache.files.read(contents.files, room, patience)
        if not contents.text and not files:
            raise UserError(phrases.NO_IMAGES)
        history = await self._history.up_to(message, patience)
        if not history:  # a remark of the bot
            speaker = speaker_of(message)
            history = (Utterance(speaker.name, contents.text, speaker.id),)
        linked = await self._follow(links_in(contents.text), asker, patience)
        notices = await self._remarks_about(message, patience)
        return Heard(phrases.ABOUT_PROMPT, (), (*linked, *history), notices)

    async def _before(
        self, message: discord.Message, patience: Patience, *, whole_place: bool
    ) -> tuple[Utterance, ...]:
        if not whole_place and replied_to(message) is None:
            return ()
        try:
            return await self._history.before(message, patience, whole_place=whole_place)
        except StoreError as error:
            _log.error("a question is asked without what was said before it: %s", error)
            return ()

    async def _follow(
        self, links: list[MessageLink], asker: discord.abc.User, patience: Patience
    ) -> tuple[Utterance, ...]:
        """What the linked messages say; what these link to themselves is not read."""
        lines: list[Utterance] = []
        for link in links[:LINKS]:
            message = await self._linked.follow(link, asker, patience)
            if message is not None:
                note = f"[in #{message.channel}]\n"
                lines += await self._history.alone(message, patience, note)
        return tuple(lines)

    async def _remarks_about(self, message: discord.Message, patience: Patience) -> tuple[str, ...]:
        """What the person should know about the files of a message that they point at."""
        contents = self._contents(message)
        room = MESSAGE_CHARS - len(contents.text)
        _, remarks = await self._cache.files.read(contents.files, room, patience)
        return remarks if contents.is_whole else (phrases.OTHER_FILES, *remarks)

    def _contents(self, message: discord.Message) -> Contents:
        return contents_of(message, names_in(message, own_id(self._client)))

    def _named(self, guild: discord.Guild | None, people: tuple[Person, ...]) -> tuple[Person, ...]:
        return tuple(self._cache.names.named(guild, person) for person in people)


def _replied(message: discord.Message) -> discord.Message | None:
    """The message that this one replies to, as far as it came along."""
    is_reply = replied_to(message) is not None
    resolved = message.reference.resolved if message.reference and is_reply else None
    return resolved if isinstance(resolved, discord.Message) else None
