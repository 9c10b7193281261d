"""What people are called in each server, as far as Discord has said so by the way."""

import asyncio
from collections.abc import Iterable

import discord

from bot.chat.people import Person
from bot.discord.api.patience import Patience
from bot.discord.newest import Newest

REMEMBERED = 10_000
LOOKED_UP = 5  # people at a time


class NameBook:
    """The names that people go by in servers.

    An event brings the nickname of its author and of those it mentions; the same message read
    again later brings none. So what an event said is kept, and one person has one name.
    """

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._names: Newest[tuple[int, str], str] = Newest(limit)

    def learn(self, message: discord.Message) -> None:
        """Note the names that come with a message."""
        for person in (message.author, *message.mentions):
            self.learn_person(person)

    def learn_person(self, person: discord.abc.User) -> None:
        """Note what somebody is called in the server that they come from."""
        if isinstance(person, discord.Member) and person.guild:  # none where the bot is not
            self._names.put((person.guild.id, str(person.id)), person.display_name)

    async def look_up(
        self, guild: discord.Guild, people: Iterable[Person], patience: Patience
    ) -> None:
        """Ask Discord for the names of people of whom no event has come yet, of a few at a time.

        Who is no member, or no more, keeps the name given here.
        """
        unknown = {one.id: one for one in people if one.id.isdigit() and one.name}
        wanted = [one for key, one in unknown.items() if self._names.get((guild.id, key)) is None]

        async def ask(person: Person) -> None:
            found = await patience.read("a member's name", lambda: _name_in(guild, person), None)
            if found is not None:
                self._names.put((guild.id, person.id), found)

        await asyncio.gather(*map(ask, wanted[:LOOKED_UP]))

    def name(self, guild: discord.Guild | None, person_id: str, otherwise: str) -> str:
        """What somebody is called in a server; `otherwise` where nothing is known of that."""
        return (guild and self._names.get((guild.id, person_id))) or otherwise

    def named(self, guild: discord.Guild | None, person: Person) -> Person:
        """The person under the name they go by in a server."""
        return Person(person.id, self.name(guild, person.id, person.name))

    def clear(self) -> None:
        """Forget every name."""
        self._names.clear()


async def _name_in(guild: discord.Guild, person: Person) -> str:
    try:
        return (await guild.fetch_member(int(person.id))).display_name
    except discord.NotFound:
        return person.name
