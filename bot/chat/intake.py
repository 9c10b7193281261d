"""Makes a request of what a person asked: cleans it, and decides variant, turns and seed."""

import random
from collections.abc import Sequence
from dataclasses import replace

from bot.chat.conversation import Budget, Utterance, asked_again, build_turns, labelled, lines_of
from bot.chat.events import Ask
from bot.chat.variants import Variants
from bot.config.settings import BotSettings
from bot.errors import VariantsUnknown
from bot.text import clean_name, clean_prompt, clean_text
from data.records import NewRequest, Turn
from data.store.store import Store

_SEED_BITS = 31  # within what every server and sampler takes


class Intake:
    """Decides all that is needed to give the same answer again, before the request is stored."""

    def __init__(
        self, store: Store, variants: Variants, settings: BotSettings, rng: random.Random
    ) -> None:
        self._store = store
        self._variants = variants
        self._settings = settings
        self._rng = rng

    async def request(self, ask: Ask) -> NewRequest:
        """The request to be stored for `ask`.

        Raises EmptyPrompt, PromptTooLong, UnknownVariant or StoreError.
        """
        prompt = clean_prompt(ask.text, self._settings.prompt_max_chars)
        name = clean_name(ask.user_name)
        asked = Utterance(name, prompt, ask.user_id, ask.mentioned)
        lines = labelled([*await self._earlier(ask), asked], ask.own_names)
        return NewRequest(
            source_key=ask.source_key,
            conversation=ask.conversation,
            front_end=ask.front_end,
            user_id=ask.user_id,
            user_name=name,
            prompt=lines[-1].text,
            turns=self._turns(ask, lines),
            variant=await self._variant(ask),
            sampling=self._settings.sampling(self._rng.getrandbits(_SEED_BITS)),
            in_history=ask.in_history,
            is_counted=ask.is_counted,
        )

    async def _variant(self, ask: Ask) -> str:
        if ask.variant is None:
            return await self._variants.active(ask.user_id, ask.conversation, ask.channel_id)
        try:
            await self._variants.check(ask.variant)
        except VariantsUnknown:  # the worker itself will say, once it is up
            return ask.variant
        return ask.variant

    def _turns(self, ask: Ask, lines: Sequence[Utterance]) -> tuple[Turn, ...]:
        if ask.turns is not None:
            return asked_again(ask.turns)
        settings = self._settings
        persona = settings.persona if ask.persona is None else clean_text(ask.persona)
        budget = Budget(settings.history_max_chars, settings.history_max_turns)
        return build_turns(lines, persona or None, budget)

    async def _earlier(self, ask: Ask) -> Sequence[Utterance]:
        if ask.turns is not None:
            return ()
        if ask.history is not None:
            return [replace(line, text=clean_text(line.text)) for line in ask.history]
        exchanges = self._settings.history_max_turns // 2
        if exchanges == 0:
            return []
        return lines_of(await self._store.history(ask.conversation, limit=exchanges))
