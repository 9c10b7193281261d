"""What the buttons under an answer do, also after any number of restarts."""

import logging
import re
from dataclasses import dataclass
from typing import Any, Self, cast

import discord

from bot.discord import phrases
from bot.discord.answer.button_row import AGAIN, OTHER, STOP, button, template
from bot.discord.answer.outlet import InteractionOutlet
from bot.discord.asking.desk import Question
from bot.discord.client import FunBot
from bot.discord.commands.base import defer_openly, tell
from bot.discord.identity import interaction_key, user_id
from bot.errors import UserError
from data.errors import StoreConflict, StoreError
from data.records import Request

_log = logging.getLogger(__name__)
Button = discord.ui.Button[discord.ui.View]


async def setup(bot: FunBot) -> None:
    """Listen to the buttons of every message there is."""
    bot.add_dynamic_items(StopButton, AgainButton, OtherButton)


@dataclass(frozen=True, slots=True)
class _Press:
    bot: FunBot
    interaction: discord.Interaction
    request_id: int

    async def request(self) -> Request:
        """The request that the button stands under, if its text is still there."""
        try:
            request = await self.bot.services.store.request(self.request_id)
        except StoreConflict as error:
            raise UserError(phrases.GONE) from error
        if not request.turns or not request.prompt:
            raise UserError(phrases.GONE)
        return request

    async def ask(self, request: Request, variant: str) -> None:
        """Ask the same once more, in the name of who pressed."""
        interaction, channel = self.interaction, self.interaction.channel
        if channel is None:
            raise UserError(phrases.GONE)
        question = Question(
            key=interaction_key(interaction.id),
            person=interaction.user,
            channel=channel,
            text=request.prompt,
            variant=variant,
            turns=request.turns,
        )
        await self.bot.desk.ask(question, InteractionOutlet(interaction))


class _RequestButton(discord.ui.DynamicItem[Button], template=r"fungpt:none"):
    kind = ""

    def __init__(self, request_id: int) -> None:
        super().__init__(button(self.kind, request_id))
        self.request_id = request_id

    @classmethod
    async def from_custom_id(
        cls,
        _interaction: discord.Interaction[Any],
        _item: discord.ui.Item[Any],
        match: re.Match[str],
    ) -> Self:
        """The button that Discord says was pressed."""
        return cls(int(match["request"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """The border of each press."""
        try:
            await self.pressed(
                _Press(cast("FunBot", interaction.client), interaction, self.request_id)
            )
        except UserError as refusal:
            await tell(interaction, str(refusal))
        except StoreError as error:
            _log.error("a button failed: %s", error)
            await tell(interaction, phrases.BROKEN)
        except discord.HTTPException as refusal:
            _log.info("a button could not answer: %d (%d)", refusal.status, refusal.code)

    async def pressed(self, press: _Press) -> None:
        """Do it."""
        raise NotImplementedError


class StopButton(_RequestButton, template=template(STOP)):
    """Ends a request; the text so far is kept."""

    kind = STOP

    async def pressed(self, press: _Press) -> None:
        """For the person who asked, and for moderators."""
        interaction = press.interaction
        ticket = press.bot.desk.live_request(press.request_id)
        if ticket is None:
            raise UserError(phrases.ENDED_ALREADY)
        own = ticket.request.user_id == user_id(interaction.user)
        if not (own or interaction.permissions.manage_messages):
            raise UserError(phrases.NOT_YOURS)
        await interaction.response.defer()
        ticket.stop()


class AgainButton(_RequestButton, template=template(AGAIN)):
    """Asks the same variant once more; the first answer stays."""

    kind = AGAIN

    async def pressed(self, press: _Press) -> None:
        """For anybody who may ask."""
        await defer_openly(press.interaction)
        request = await press.request()
        answer = await press.bot.services.store.answer_for(request.id)
        await press.ask(request, answer.variant if answer else request.variant)


class OtherButton(_RequestButton, template=template(OTHER)):
    """Puts the same to the next of the other variants."""

    kind = OTHER

    async def pressed(self, press: _Press) -> None:
        """For anybody who may ask."""
        await defer_openly(press.interaction)
        request = await press.request()
        services = press.bot.services
        answer = await services.store.answer_for(request.id)
        names = [variant.name for variant in await services.chat.variants.known()]
        await press.ask(request, next_variant(names, answer.variant if answer else request.variant))


def next_variant(names: list[str], current: str) -> str:
    """The one after the current, round and round; UserError if there is no other. Pure."""
    others = [name for name in names if name != current]
    if not others:
        raise UserError(phrases.NO_OTHER)
    return names[(names.index(current) + 1) % len(names)] if current in names else others[0]
