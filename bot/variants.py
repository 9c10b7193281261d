"""Which variants the worker serves, and which one is active for a person and a conversation."""

from bot.settings import BotSettings
from bot.worker_api import AnswerSource
from dataclasses import dataclass
from data.store import Store
from typing import Literal

Scope = Literal["user", "conversation", "channel", "global"]


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing that can answer, as the worker's `/v1/models` shows it."""

    name: str
    model_id: str
    adapter_hash: str | None


class Variants:
    """Knows the worker's variants (asked for again when old or after `forget`) and the choices."""

    def __init__(self, store: Store, worker: AnswerSource, settings: BotSettings) -> None:
        raise NotImplementedError

    async def known(self) -> tuple[Variant, ...]:
        """The variants on offer, the base first; VariantsUnknown when the worker cannot say."""
        raise NotImplementedError

    async def active(self, user_id: str, conversation: str, channel_id: str | None = None) -> str:
        """What answers this person here: own choice, conversation's, channel's, global, default.

        A choice that the worker does not serve any more is passed over.
        """
        raise NotImplementedError

    async def choose(self, scope: Scope, scope_id: str, name: str | None) -> None:
        """Set the variant of a scope, None takes the choice back.

        Raises UnknownVariant, or VariantsUnknown when the worker cannot be asked.
        """
        raise NotImplementedError
