"""`/privacy`, `/mydata` and `/forget`: what people may know and decide about their data."""

import asyncio
import gzip
import io
import json
import logging
from dataclasses import asdict

import discord
from discord import app_commands
from discord.ext import commands

from bot.discord.commands.base import (
    CommandCog,
    answer,
    change,
    clicked,
    defer_if_slow,
    defer_privately,
    defer_update,
    settle,
    tell,
)
from bot.discord.commands.forgetting import Forgetting
from bot.discord.commands.privacy_row import (
    AGREE,
    CONFIRM,
    FORGET,
    KEEP,
    consent_row,
    privacy_button,
    privacy_row,
)
from bot.discord.commands.privacy_text import ASK_WHETHER, KEPT, forgotten_text, privacy_text
from bot.discord.identity import user_id
from bot.errors import UserError
from bot.front_end import Services
from bot.text import clean_name
from data.errors import StoreError
from data.records import NO, YES, PersonalData, SettingKey

FILE_NAME = "my-fungpt-data.json"
MOST_BYTES = 8_000_000  # of a file; Discord takes 10 MiB everywhere
_log = logging.getLogger(__name__)


class PrivacyCommands(CommandCog):
    """The three commands and their buttons; every answer is shown to the asker alone.

    The buttons are known by their custom ids, so they work after any number of restarts.
    """

    def __init__(self, services: Services, forgetting: Forgetting) -> None:
        super().__init__(services)
        self._forgetting = forgetting

    async def cog_unload(self) -> None:
        """End what still deletes messages."""
        await self._forgetting.close()

    @app_commands.command(name="privacy", description="What I store of you, why and how long")
    async def privacy(self, interaction: discord.Interaction) -> None:
        """Explain what is stored, and offer the choice about training where there is one."""
        defer_if_slow(interaction, defer_privately)
        person = user_id(interaction.user)
        value = await self.services.store.setting("user", person, SettingKey.TRAINING_CONSENT)
        text, row = self._privacy(consents=value == YES)
        await answer(interaction, text, view=row or discord.utils.MISSING, ephemeral=True)

    @app_commands.command(name="mydata", description="A file with everything I store of you")
    async def mydata(self, interaction: discord.Interaction) -> None:
        """Send a JSON file, compressed where it is large."""
        await defer_privately(interaction)
        data = await self.services.store.personal_data(user_id(interaction.user))
        name, content = await asyncio.to_thread(packed, data)
        await interaction.followup.send(
            "This is everything I store of you. `/privacy` explains it, `/forget` deletes it.",
            file=discord.File(io.BytesIO(content), name),
            view=privacy_row(FORGET) or discord.utils.MISSING,
            ephemeral=True,
        )

    @app_commands.command(name="forget", description="Delete everything I store of you")
    async def forget(self, interaction: discord.Interaction) -> None:
        """Ask for a confirmation."""
        await self._ask_whether_to_forget(interaction)

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Do what a pressed button says; a failure is logged and told to the person."""
        button = privacy_button(clicked(interaction))
        if button is None:
            return
        try:
            await self._press(interaction, button)
        except discord.HTTPException as refusal:
            await settle(interaction)
            _log.info("a button could not answer: %d (%d)", refusal.status, refusal.code)
        except Exception as error:  # noqa: BLE001 - the button's border
            await answer_failure(interaction, error)

    async def _press(self, interaction: discord.Interaction, button: str) -> None:
        if button == FORGET:
            await self._ask_whether_to_forget(interaction)
        elif button == CONFIRM:
            await self._forget(interaction)
        elif button == KEEP:
            await interaction.response.edit_message(content=KEPT, view=None)
        else:
            await self._choose(interaction, agrees=button == AGREE)

    async def _ask_whether_to_forget(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(
            ASK_WHETHER,
            view=privacy_row(CONFIRM, KEEP) or discord.utils.MISSING,
            ephemeral=True,
        )

    async def _forget(self, interaction: discord.Interaction) -> None:
        """Forget the person. The buttons go first, so that this happens once."""
        await interaction.response.edit_message(content="Forgetting …", view=None)
        person = interaction.user
        done = await self._forgetting.forget(user_id(person), _names(person))
        text = forgotten_text(done.forgotten, done.messages, done.made)
        await interaction.edit_original_response(content=text)

    async def _choose(self, interaction: discord.Interaction, *, agrees: bool) -> None:
        defer_if_slow(interaction, defer_update)
        person, value = user_id(interaction.user), YES if agrees else NO
        await self.services.store.set_setting("user", person, SettingKey.TRAINING_CONSENT, value)
        text, row = self._privacy(consents=agrees)
        await change(interaction, text, row)

    def _privacy(self, *, consents: bool) -> tuple[str, discord.ui.View | None]:
        """The text of `/privacy` and its buttons, for somebody who agreed to training or not."""
        settings = self.services.settings
        permission = settings.discord_training_permission
        text = privacy_text(
            consents=consents, permission=permission, policy=settings.privacy_policy_url
        )
        return text, consent_row(permission=permission, consents=consents)


async def answer_failure(interaction: discord.Interaction, error: Exception) -> None:
    """Log why a click failed, and tell the person."""
    if isinstance(error, StoreError):
        _log.error("A click failed: %s", error)
        await tell(interaction, "It did not work: my operator finds out why. Please try again.")
    else:
        _log.error("A click failed", exc_info=error)
        await tell(interaction, "Something went wrong on my side. Please try again.")


def _names(person: discord.abc.User) -> set[str]:
    """What a person may be called in conversations that others had with the bot."""
    return {clean_name(name) for name in (person.display_name, person.global_name, person.name)
            if name}  # fmt: skip


def packed(data: PersonalData, most: int = MOST_BYTES) -> tuple[str, bytes]:
    """The file's name and content: JSON, compressed with gzip where it has more than `most` bytes.

    Raises UserError where that is too large as well. Pure.
    """
    text = json.dumps(asdict(data), ensure_ascii=False, indent=2).encode()
    if len(text) <= most:
        return FILE_NAME, text
    small = gzip.compress(text)
    if len(small) <= most:
        return f"{FILE_NAME}.gz", small
    raise UserError("Your data is too large for Discord. Please ask my operator for it.")
