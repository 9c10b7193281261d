"""`/persona` in the terminal: who the model is told to be in this conversation."""

from bot.chat.personas import LONGEST, PersonaOwner, PersonaShelf
from bot.errors import UserError
from bot.terminal.commands import AskPersona, PersonaVerb
from bot.text import clean_prompt
from data.records import SettingKey
from data.store.store import Store

_NONE = "No persona is set here."


class ConversationPersona:
    """The persona of one conversation, and the personas that its person saved.

    Raises UserError with a line for the person, or StoreError.
    """

    def __init__(self, store: Store, conversation: str, user_id: str) -> None:
        self._store = store
        self._shelf = PersonaShelf(store)
        self._conversation = conversation
        self._owner = PersonaOwner("user", user_id)

    async def text(self) -> str | None:
        """What the model is told; None for the setting `PERSONA`."""
        return await self._store.setting("conversation", self._conversation, SettingKey.PERSONA)

    async def do(self, command: AskPersona) -> str:
        """Do what the command says; gives what to say about it."""
        match command.verb:
            case PersonaVerb.SHOW:
                return await self.text() or _NONE
            case PersonaVerb.SET:
                await self._set(clean_prompt(command.rest, LONGEST))
                return "That is my persona from now on."
            case PersonaVerb.CLEAR:
                await self._set(None)
                return "I am my usual self again."
            case PersonaVerb.SAVE:
                return await self._save(command.rest)
            case PersonaVerb.USE:
                saved = await self._shelf.named(self._owner, command.rest)
                await self._set(saved.text)
                return f"I am {saved.name} from now on: {saved.text}"
            case PersonaVerb.DELETE:
                await self._shelf.delete(self._owner, command.rest)
                return "It is deleted."
            case PersonaVerb.LIST:
                saved = await self._shelf.all(self._owner)
                return "\n".join(f"{one.name}: {one.text}" for one in saved) or (
                    "No persona is saved yet."
                )

    async def _save(self, name: str) -> str:
        text = await self.text()
        if text is None:
            raise UserError(f"{_NONE} Set one first: /persona set TEXT")
        saved = await self._shelf.save(self._owner, name, text, self._owner.id)
        return f"Saved as {saved.name}."

    async def _set(self, text: str | None) -> None:
        place = ("conversation", self._conversation)
        await self._store.set_setting(*place, SettingKey.PERSONA, text)
