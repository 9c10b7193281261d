"""`/privacy`, `/mydata` and `/forget`: what people may know and decide about their data."""

import asyncio
import gzip
import io
import json
import logging
from dataclasses import asdict

import discord
from discord import app_commands

from bot.discord.commands.base import CommandCog, tell
from bot.discord.commands.forgetting import Forgetting
from bot.discord.commands.privacy_text import CONFIRM, KEPT, forgotten_text, privacy_text
from bot.discord.identity import user_id
from bot.errors import UserError
from bot.front_end import Services
from bot.text import clean_name
from data.errors import StoreError
from data.records import NO, YES, PersonalData, SettingKey

FILE_NAME = "my-fungpt-data.json"
MOST_BYTES = 8_000_000  # of a file; Discord takes 10 MiB everywhere
_CONFIRM_S = 300.0
_log = logging.getLogger(__name__)


class PrivacyCommands(CommandCog):
    """The three commands; every answer is shown to the asker alone."""

    def __init__(self, services: Services, forgetting: Forgetting) -> None:
        super().__init__(services)
        self._forgetting = forgetting

    async def cog_unload(self) -> None:
        """End what still deletes messages."""
        await self._forgetting.close()

    @app_commands.command(name="privacy", description="What I store of you, why and how long")
    async def privacy(self, interaction: discord.Interaction) -> None:
        """Explain what is stored, and offer the choice about training where there is one."""
        person = user_id(interaction.user)
        value = await self.services.store.setting("user", person, SettingKey.TRAINING_CONSENT)
        view = ConsentView(self.services, person, consents=value == YES)
        await interaction.response.send_message(
            view.text(consents=value == YES),
            view=view if view.children else discord.utils.MISSING,
            ephemeral=True,
        )

    @app_commands.command(name="mydata", description="A file with everything I store of you")
    async def mydata(self, interaction: discord.Interaction) -> None:
        """Send a JSON file, compressed where it is large."""
        await interaction.response.defer(ephemeral=True)
        data = await self.services.store.personal_data(user_id(interaction.user))
        name, content = await asyncio.to_thread(packed, data)
        await interaction.followup.send(
            "This is everything I store of you. `/privacy` explains it, `/forget` deletes it.",
            file=discord.File(io.BytesIO(content), name),
            ephemeral=True,
        )

    @app_commands.command(name="forget", description="Delete everything I store of you")
    async def forget(self, interaction: discord.Interaction) -> None:
        """Ask for a confirmation."""
        view = ForgetView(self._forgetting, user_id(interaction.user))
        await interaction.response.send_message(CONFIRM, view=view, ephemeral=True)


class ConsentView(discord.ui.View):
    """The choice about training, for five minutes after `/privacy`.

    Where Discord has not permitted training nobody is asked to agree, since that would change
    nothing; who agreed before can take it back.
    """

    def __init__(self, services: Services, person: str, *, consents: bool) -> None:
        super().__init__(timeout=_CONFIRM_S)
        self._store = services.store
        self._settings = services.settings
        self._person = person
        if not self._settings.discord_training_permission:
            self.remove_item(self.agree)
            if not consents:
                self.remove_item(self.refuse)

    def text(self, *, consents: bool) -> str:
        """The text of `/privacy` for a person who agreed to training, or did not."""
        settings = self._settings
        return privacy_text(
            consents=consents,
            permission=settings.discord_training_permission,
            policy=settings.privacy_policy_url,
        )

    @discord.ui.button(label="Use my data for training", style=discord.ButtonStyle.secondary)
    async def agree(
        self, interaction: discord.Interaction, _button: "discord.ui.Button[ConsentView]"
    ) -> None:
        """Store that the person agrees."""
        await self._choose(interaction, agrees=True)

    @discord.ui.button(label="Don't use it", style=discord.ButtonStyle.secondary)
    async def refuse(
        self, interaction: discord.Interaction, _button: "discord.ui.Button[ConsentView]"
    ) -> None:
        """Store that the person does not agree, which also holds without any choice."""
        await self._choose(interaction, agrees=False)

    async def _choose(self, interaction: discord.Interaction, *, agrees: bool) -> None:
        value = YES if agrees else NO
        await self._store.set_setting("user", self._person, SettingKey.TRAINING_CONSENT, value)
        await interaction.response.edit_message(content=self.text(consents=agrees), view=self)

    async def on_error(
        self,
        interaction: discord.Interaction,
        error: Exception,
        _item: discord.ui.Item["ConsentView"],
    ) -> None:
        """Log why a click failed, and tell the person."""
        await answer_failure(interaction, error)


class ForgetView(discord.ui.View):
    """The confirmation of `/forget`, for five minutes."""

    def __init__(self, forgetting: Forgetting, person: str) -> None:
        super().__init__(timeout=_CONFIRM_S)
        self._forgetting = forgetting
        self._person = person

    @discord.ui.button(label="Delete everything", style=discord.ButtonStyle.danger)
    async def confirm(
        self, interaction: discord.Interaction, _button: "discord.ui.Button[ForgetView]"
    ) -> None:
        """Forget the person. The buttons go first, so that this happens once."""
        self.stop()
        await interaction.response.edit_message(content="Forgetting …", view=None)
        done = await self._forgetting.forget(self._person, _names(interaction.user))
        text = forgotten_text(done.forgotten, done.messages, done.made)
        await interaction.edit_original_response(content=text)

    @discord.ui.button(label="Keep it", style=discord.ButtonStyle.secondary)
    async def keep(
        self, interaction: discord.Interaction, _button: "discord.ui.Button[ForgetView]"
    ) -> None:
        """Change nothing."""
        self.stop()
        await interaction.response.edit_message(content=KEPT, view=None)

    async def on_error(
        self,
        interaction: discord.Interaction,
        error: Exception,
        _item: discord.ui.Item["ForgetView"],
    ) -> None:
        """Log why a click failed, and tell the person."""
        await answer_failure(interaction, error)


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
