"""Which variants the worker serves, and which of them answers whom where."""

import asyncio
from dataclasses import dataclass

from bot.clock import Clock
from bot.errors import UnknownVariant, VariantsUnknown
from bot.worker.interface import AnswerSource
from data.records import Scope, SettingKey
from data.store.store import Store
from model.errors import ClientError
from model.protocol.cards import ModelCard

BASE = "base"  # as our own worker calls it
_FRESH_S = 60.0
_RENEWED_S = 2.0  # for a name that is not known, so that typing nonsense costs the worker little
ASK_LIMIT_S = 2.0  # somebody waits for the reaction to a command


@dataclass(frozen=True, slots=True)
class Variant:
    """A model that can answer, as the worker's `/v1/models` lists it.

    `model_id` is the base model, also where the variant is an adapter; `adapter_hash` is None for
    the base itself and where a server does not say it.
    """

    name: str
    model_id: str
    adapter_hash: str | None


class Variants:
    """Knows the worker's variants and which of them people have chosen.

    The worker is asked for its variants again after a minute, or after `forget`.
    """

    def __init__(self, store: Store, worker: AnswerSource, default: str, clock: Clock) -> None:
        self._store = store
        self._worker = worker
        self._default = default
        self._clock = clock
        self._known: tuple[Variant, ...] = ()
        self._asked_at: float | None = None

    async def known(self, *, max_age_s: float = _FRESH_S) -> tuple[Variant, ...]:
        """The variants that the worker serves, the base first.

        The worker is asked for them if that was more than `max_age_s` seconds ago. While it cannot
        be asked, those it served before. Raises VariantsUnknown when it could never be asked.
        """
        now = self._clock.monotonic()
        if self._asked_at is not None and now - self._asked_at < max_age_s:
            return self._known
        try:
            async with asyncio.timeout(ASK_LIMIT_S):
                cards = await self._worker.models()
        except (ClientError, TimeoutError) as error:
            if not self._known:
                raise VariantsUnknown from error
            return self._known
        self._known = tuple(_variant(card) for card in cards)
        self._asked_at = now
        return self._known

    def forget(self) -> None:
        """Let `known` ask the worker again: it may have been started with other adapters."""
        self._asked_at = None

    def remembered(self, name: str) -> Variant | None:
        """What is known of a variant without asking the worker; None for an unknown one."""
        return next((one for one in self._known if one.name == name), None)

    async def active(self, user_id: str, conversation: str, channel_id: str | None = None) -> str:
        """The name of the variant that answers this person in this conversation.

        The first that the worker serves of: the person's choice, the conversation's, the
        channel's, the global one, the default; the base where it serves none of these. When the
        worker cannot be asked, the first of them that was chosen.
        """
        chosen = await self._chosen(user_id, conversation, channel_id)
        try:
            names = [variant.name for variant in await self.known()]
        except VariantsUnknown:
            return chosen[0]
        return next((name for name in chosen if name in names), names[0] if names else chosen[0])

    async def base(self) -> str:
        """The base's name on this worker; BASE when the worker cannot be asked."""
        try:
            known = await self.known()
        except VariantsUnknown:
            return BASE
        return known[0].name if known else BASE

    async def chosen(self, scope: Scope, scope_id: str) -> str | None:
        """The variant chosen for one scope, whether the worker serves it or not; None for none."""
        return await self._store.setting(scope, scope_id, SettingKey.VARIANT)

    async def check(self, name: str) -> None:
        """Raise UnknownVariant if the worker does not serve `name`.

        A name that is not known is asked for once more: an adapter may just have been promoted.
        Raises VariantsUnknown when the worker cannot be asked.
        """
        names = [variant.name for variant in await self.known()]
        if name not in names:
            names = [variant.name for variant in await self.known(max_age_s=_RENEWED_S)]
        if name not in names:
            raise UnknownVariant(name, names)

    async def choose(self, scope: Scope, scope_id: str, name: str | None) -> None:
        """Choose the variant of a scope; `name` None takes the choice back.

        Raises UnknownVariant, or VariantsUnknown when the worker cannot be asked.
        """
        if name is not None:
            await self.check(name)
        await self._store.set_setting(scope, scope_id, SettingKey.VARIANT, name)

    async def _chosen(self, user_id: str, conversation: str, channel_id: str | None) -> list[str]:
        """The names of the choices that apply, strongest first, and the default as the last."""
        scopes: tuple[tuple[Scope, str | None], ...] = (
            ("user", user_id),
            ("conversation", conversation),
            ("channel", channel_id),
            ("global", ""),
        )
        choices = [
            await self.chosen(scope, scope_id) for scope, scope_id in scopes if scope_id is not None
        ]
        return [choice for choice in choices if choice is not None] + [self._default]


def _variant(card: ModelCard) -> Variant:
    model_id = card.fungpt.model_id if card.fungpt is not None else card.parent or card.root
    return Variant(card.id, model_id or card.id, card.adapter_hash)
