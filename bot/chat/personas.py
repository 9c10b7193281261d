"""Personas under a name, to be used again: how many, how long, and what they may be called."""

from dataclasses import dataclass

from bot.clock import SYSTEM_CLOCK, Clock
from bot.errors import EmptyPrompt, UserError
from bot.text import clean_name, clean_prompt
from data.store.choices import PersonaSaving, PersonaScope, SavedPersona
from data.store.store import Store

MOST = 50  # of one server, or of one person
LONGEST = 1500  # characters of a text, so that it can be shown in one message
LONGEST_NAME = 32


@dataclass(frozen=True, slots=True)
class PersonaOwner:
    """Whose personas: a server's, or those of one person."""

    scope: PersonaScope
    id: str


class PersonaShelf:
    """Saves personas and finds them by name, without regard to case.

    Methods raise UserError with a line for the person, or StoreError.
    """

    def __init__(self, store: Store, clock: Clock = SYSTEM_CLOCK) -> None:
        self._store = store
        self._clock = clock

    async def save(
        self, owner: PersonaOwner, name: str, text: str, saved_by: str, *, replace: bool = False
    ) -> SavedPersona:
        """Save a persona; one of the same name only gives way if `replace` says so."""
        persona = SavedPersona(
            persona_name(name), clean_prompt(text, LONGEST), saved_by, self._clock.now()
        )
        outcome = await self._store.save_persona(
            owner.scope, owner.id, persona, most=MOST, replace=replace
        )
        match outcome:
            case PersonaSaving.NAME_TAKEN:
                raise UserError(f"There is a persona called {persona.name} already.")
            case PersonaSaving.TOO_MANY:
                raise UserError(f"There are {MOST} personas already: delete one first, please.")
            case PersonaSaving.SAVED:
                return persona

    async def named(self, owner: PersonaOwner, name: str) -> SavedPersona:
        """The persona with this name."""
        there = await self.all(owner)
        found = [one for one in there if one.name.casefold() == persona_name(name).casefold()]
        if not found:
            raise UserError(_unknown(name, there))
        return found[0]

    async def all(self, owner: PersonaOwner) -> list[SavedPersona]:
        """All of them, by their names."""
        return await self._store.personas(owner.scope, owner.id)

    async def delete(self, owner: PersonaOwner, name: str) -> None:
        """Delete a persona; where it is in use it stays in use."""
        if not await self._store.delete_persona(owner.scope, owner.id, persona_name(name)):
            raise UserError(_unknown(name, await self.all(owner)))


def persona_name(text: str) -> str:
    """What a persona is called: one short line; UserError where nothing is left of it. Pure."""
    if len(" ".join(text.split())) > LONGEST_NAME:
        raise UserError(f"A persona's name has at most {LONGEST_NAME} characters.")
    try:
        return clean_name(clean_prompt(text.replace(":", ""), LONGEST))
    except EmptyPrompt as error:
        raise UserError("What shall the persona be called? Give it a name, please.") from error


def _unknown(name: str, there: list[SavedPersona]) -> str:
    if not there:
        return "There is no saved persona yet: /persona save keeps the one that counts here."
    names = ", ".join(one.name for one in there[:20])
    more = f" and {len(there) - 20} more" if len(there) > 20 else ""
    return f"There is no persona called {name[:LONGEST_NAME]!r}. There are: {names}{more}."
