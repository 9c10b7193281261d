"""What people are called in each server, as far as Discord has said so by the way."""

import discord

from bot.chat.people import Person
from bot.discord.incoming.newest import Newest

REMEMBERED = 10_000


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

    def name(self, guild: discord.Guild | None, person_id: str, otherwise: str) -> str:
        """What somebody is called in a server; `otherwise` where nothing is known of that."""
        return (guild and self._names.get((guild.id, person_id))) or otherwise

    def named(self, guild: discord.Guild | None, person: Person) -> Person:
        """The person under the name they go by in a server."""
        return Person(person.id, self.name(guild, person.id, person.name))

    def clear(self) -> None:
        """Forget every name."""
        self._names.clear()
