"""From messages that were read to the lines of a conversation."""

from collections.abc import Sequence
from dataclasses import replace

import discord

from bot.chat.conversation import Utterance
from bot.chat.people import Person
from bot.discord.api.patience import Patience
from bot.discord.content.contents import MESSAGE_CHARS
from bot.discord.incoming.message_cache import CachedMessage, MessageCache

FILE_MESSAGES = 4  # of one conversation, the newest whose files are read


class Lines:
    """Makes lines of messages: with the text of their files, and with the names of here and now."""

    def __init__(self, cache: MessageCache) -> None:
        self._cache = cache

    async def of(
        self, messages: Sequence[CachedMessage], guild: discord.Guild | None, patience: Patience
    ) -> tuple[Utterance, ...]:
        """The messages, oldest first, as lines; each answer counts once. Raises nothing."""
        with_files = [one for one in messages if one.contents.files][-FILE_MESSAGES:]
        files = {one.message_id: await self._files(one, patience) for one in with_files}
        lines: list[Utterance] = []
        seen: set[int] = set()
        for one in messages:
            if one.answer_id is not None:
                if one.answer_id in seen:
                    continue
                seen.add(one.answer_id)
            # The question that a thread hangs on may stand before it already.
            if one.asked is not None and not (lines and lines[-1].text == one.asked.text):
                lines.append(one.asked)
            line = _line(one, files.get(one.message_id, ""))
            if one.goes_on and lines and lines[-1].speaker is None:
                lines[-1] = replace(line, text=lines[-1].text + line.text)
            elif line.text:
                lines.append(line)
        if guild is not None:
            people = [Person(one.person or "", one.speaker or "") for one in lines]
            await self._cache.names.look_up(guild, people, patience)
        return tuple(self._named(line, guild) for line in lines)

    async def _files(self, message: CachedMessage, patience: Patience) -> str:
        """The text of a message's files; what could not be read of them stays unsaid here."""
        room = MESSAGE_CHARS - len(message.contents.text)
        files = self._cache.files
        text, _ = await files.read(message.contents.files, room, patience)
        if not files.knows(message.contents.files):  # addresses expire: fetch them anew next time
            self._cache.forget(message.message_id)
        return text

    def _named(self, line: Utterance, guild: discord.Guild | None) -> Utterance:
        names = self._cache.names
        mentioned = tuple(names.named(guild, person) for person in line.mentioned)
        if line.speaker is None or line.person is None:
            return replace(line, mentioned=mentioned)
        speaker = names.name(guild, line.person, line.speaker)
        return replace(line, speaker=speaker, mentioned=mentioned)


def _line(message: CachedMessage, files: str) -> Utterance:
    if message.speaker is None:
        return Utterance(None, message.contents.said, message.asker)
    contents, speaker = message.contents, message.speaker
    return Utterance(speaker.name, contents.whole(files), speaker.id, contents.mentioned)
