"""The button that asks an edited question anew."""

import logging
from dataclasses import replace

import discord
from discord.ext import commands

from bot.discord import phrases
from bot.discord.asking.asker import Asker
from bot.discord.asking.composing import Composer
from bot.discord.asking.desk import Desk, UserQuestion
from bot.discord.asking.edits import edited_button, without_button
from bot.discord.commands.base import clicked, defer_update, tell
from bot.discord.following.open_questions import OpenQuestion
from bot.discord.identity import asking_channel, asking_message, edited_key, question_key, user_id
from bot.errors import UserError
from bot.front_end import Services
from data.errors import StoreConflict, StoreError
from data.records import Request

_log = logging.getLogger(__name__)


class EditedQuestions(commands.Cog):
    """Answers the newest wording of a message in a new reply, once for each edit."""

    def __init__(self, client: discord.Client, services: Services, desk: Desk) -> None:
        self._client = client
        self._store = services.store
        self._desk = desk
        self._asker = Asker(client, desk, Composer(client, desk))

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Do what the pressed button says; a refusal or failure is told to the person alone."""
        request_id = edited_button(clicked(interaction))
        if request_id is None:
            return
        try:
            await defer_update(interaction)
            await self._press(interaction, request_id)
        except UserError as refusal:
            await tell(interaction, str(refusal))
        except StoreError as error:
            _log.error("an edited message could not be asked: %s", error)
            await tell(interaction, phrases.BROKEN)
        except discord.HTTPException as refusal:
            _log.info("a button could not answer: %d (%d)", refusal.status, refusal.code)

    async def _press(self, interaction: discord.Interaction, request_id: int) -> None:
        """Ask the message as it reads now; it is followed meanwhile, as when it was written.

        The button goes once the newest wording is answered: one that came too late has it still.
        """
        request, message = await self._asked(interaction, request_id)
        question = self._desk.open_questions.begin(message)
        if question is None:
            raise UserError(phrases.ANSWERED_ALREADY)
        try:
            asked = await self._asker.ask(
                question, lambda composed: _edited(interaction, request, question, composed)
            )
        finally:
            self._desk.open_questions.end(question)
        if question.is_gone:
            raise UserError(phrases.GONE)
        if interaction.message is not None and asked in (None, question.edition):
            await interaction.edit_original_response(view=without_button(interaction.message))
        if asked is None:
            raise UserError(phrases.ANSWERED_ALREADY)

    async def _asked(
        self, interaction: discord.Interaction, request_id: int
    ) -> tuple[Request, discord.Message]:
        """The request under whose answer the button stands, and its message as it reads now."""
        try:
            request = await self._store.request(request_id)
        except StoreConflict as error:
            raise UserError(phrases.GONE) from error
        if request.user_id != user_id(interaction.user):
            raise UserError(phrases.NOT_YOUR_WORDS)
        message_id = asking_message(request.source_key)
        place = asking_channel(request.source_key)  # not here where the answer has its own thread
        here = place == interaction.channel_id
        channel = interaction.channel if here else self._client.get_channel(place or 0)
        if message_id is None or not isinstance(channel, discord.abc.Messageable):
            raise UserError(phrases.GONE)
        try:
            return request, await channel.fetch_message(message_id)
        except (discord.NotFound, discord.Forbidden) as error:
            raise UserError(phrases.GONE) from error


def _edited(
    interaction: discord.Interaction,
    request: Request,
    question: OpenQuestion,
    composed: UserQuestion,
) -> UserQuestion:
    """The newest wording, in the name of who pressed: that is who wrote it."""
    edited_at = question.message.edited_at
    if edited_at is None:
        raise UserError(phrases.NOT_EDITED)
    key = edited_key(question_key(request.source_key), round(edited_at.timestamp() * 1000))
    return replace(composed, key=key, person=interaction.user)
