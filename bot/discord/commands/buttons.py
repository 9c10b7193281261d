"""What the buttons under an answer do, also after any number of restarts."""

import logging

import discord
from discord.ext import commands

from bot.chat.conversation import going_on
from bot.discord import phrases
from bot.discord.answer.button_row import AGAIN, GO_ON, STOP, pressed_button
from bot.discord.answer.interaction_outlet import InteractionOutlet
from bot.discord.asking.desk import Desk, UserQuestion
from bot.discord.commands.base import clicked, defer_openly, defer_update, tell
from bot.discord.identity import continuation_key, interaction_key, user_id
from bot.errors import UserError
from bot.front_end import Services
from data.errors import StoreConflict, StoreError
from data.records import Request, Turn

_log = logging.getLogger(__name__)


class AnswerButtons(commands.Cog):
    """Listens to the buttons of every message there is, by their custom ids."""

    def __init__(self, services: Services, desk: Desk) -> None:
        self._store = services.store
        self._variants = services.chat.variants
        self._desk = desk

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Do what a pressed button says; a refusal or failure is told to the person alone."""
        button = pressed_button(clicked(interaction))
        if button is None:
            return
        try:
            await self._press(interaction, *button)
        except UserError as refusal:
            await tell(interaction, str(refusal))
        except StoreError as error:
            _log.error("a button failed: %s", error)
            await tell(interaction, phrases.BROKEN)
        except discord.HTTPException as refusal:
            _log.info("a button could not answer: %d (%d)", refusal.status, refusal.code)

    async def _press(self, interaction: discord.Interaction, kind: str, request_id: int) -> None:
        if kind == STOP:
            await self._stop(interaction, request_id)
            return
        await defer_openly(interaction)
        if kind == GO_ON:
            await self._go_on(interaction, request_id)
            return
        request = await self._request(request_id)
        answer = await self._store.answer_for(request_id)
        variant = answer.variant if answer else request.variant
        if kind != AGAIN:
            names = [one.name for one in await self._variants.known()]
            variant = next_variant(names, variant)
        await self._ask(interaction, request, variant)

    async def _stop(self, interaction: discord.Interaction, request_id: int) -> None:
        """End a request, for the person who asked and for moderators; the text so far is kept."""
        shown = self._desk.live_request(request_id)
        if shown is None:
            raise UserError(phrases.ENDED_ALREADY)
        is_own = shown.ticket.request.user_id == user_id(interaction.user)
        if not (is_own or interaction.permissions.manage_messages):
            raise UserError(phrases.NOT_YOURS)
        await defer_update(interaction)
        shown.ticket.stop()

    async def _go_on(self, interaction: discord.Interaction, request_id: int) -> None:
        """Let the model go on with an answer that was cut off, for the person who asked."""
        request = await self._request(request_id)
        answer = await self._store.answer_for(request_id)
        if answer is None or not answer.text or answer.finish_reason != phrases.LENGTH:
            raise UserError(phrases.NOT_CUT)
        if request.user_id != user_id(interaction.user):
            raise UserError(phrases.NOT_YOURS_TO_CONTINUE)
        key = await self._continuation(request_id)
        turns = going_on(request, answer)
        if not await self._ask(interaction, request, answer.variant, key=key, turns=turns):
            raise UserError(phrases.GOES_ON_ALREADY)

    async def _continuation(self, request_id: int) -> str:
        """The key for the one continuation of an answer: a new one where the last came to nothing.

        Raises UserError where there is one already.
        """
        attempt = 1
        while earlier := await self._store.request_from(continuation_key(request_id, attempt)):
            if not earlier.state.is_final or await self._store.answer_for(earlier.id):
                raise UserError(phrases.GOES_ON_ALREADY)
            attempt += 1
        return continuation_key(request_id, attempt)

    async def _request(self, request_id: int) -> Request:
        """The request that the button is about; UserError if its text is stored no more."""
        try:
            request = await self._store.request(request_id)
        except StoreConflict as error:
            raise UserError(phrases.GONE) from error
        if not request.turns or not request.prompt:
            raise UserError(phrases.GONE)
        return request

    async def _ask(
        self,
        interaction: discord.Interaction,
        request: Request,
        variant: str,
        *,
        key: str | None = None,
        turns: tuple[Turn, ...] | None = None,
    ) -> bool:
        """Ask the same once more, or to go on with it, in the name of the person who pressed.

        Gives whether it is answered now; where it is answered already, it is not.
        """
        if interaction.channel is None:
            raise UserError(phrases.GONE)
        question = UserQuestion(
            key=key or interaction_key(interaction.id),
            person=interaction.user,
            channel=interaction.channel,
            text=request.prompt,
            variant=variant,
            turns=turns or request.turns,
        )
        return await self._desk.ask(question, InteractionOutlet(interaction)) is not None


def next_variant(names: list[str], current: str) -> str:
    """The name after `current`, from the last on to the first; UserError if it is the only one.

    Pure.
    """
    others = [name for name in names if name != current]
    if not others:
        raise UserError(phrases.NO_OTHER)
    return names[(names.index(current) + 1) % len(names)] if current in names else others[0]
