"""`/privacy`, `/mydata` and `/forget`: what people may know and decide about their data."""

import asyncio
import gzip
import io
import json
import logging
from collections.abc import Collection
from dataclasses import asdict

import discord
from discord import app_commands

from bot.discord.api.unreachable import UNREACHABLE
from bot.discord.client import FunBot
from bot.discord.commands.base import CommandCog, tell
from bot.discord.commands.privacy_text import CONFIRM, KEPT, forgotten_text, privacy_text
from bot.discord.identity import FRONT_END, user_id
from bot.errors import UserError
from bot.text import clean_name
from data.errors import StoreError
from data.records import NO, YES, AnswerMessages, PersonalData, SettingKey

FILE_NAME = "my-fungpt-data.json"
MOST_BYTES = 8_000_000  # of a file; Discord takes 10 MiB everywhere
_CONFIRM_S = 300.0
_STOP_S = 20.0
_log = logging.getLogger(__name__)


async def setup(bot: FunBot) -> None:
    """Add the three commands."""
    await bot.add_cog(PrivacyCommands(bot))


class PrivacyCommands(CommandCog):
    """Every answer here is shown to the asker alone."""

    def __init__(self, bot: FunBot) -> None:
        super().__init__(bot.services)
        self._bot = bot
        self._deleting: set[asyncio.Task[None]] = set()

    async def cog_unload(self) -> None:
        """End what still deletes messages."""
        for task in self._deleting:
            task.cancel()
        await asyncio.gather(*self._deleting, return_exceptions=True)

    @app_commands.command(name="privacy", description="What I store of you, why and how long")
    async def privacy(self, interaction: discord.Interaction) -> None:
        """Explain, and offer the choice about training."""
        person = user_id(interaction.user)
        value = await self.services.store.setting("user", person, SettingKey.TRAINING_CONSENT)
        await interaction.response.send_message(
            privacy_text(consents=value == YES), view=ConsentView(self, person), ephemeral=True
        )

    async def consent(self, person: str, *, agrees: bool) -> None:
        """Store a person's choice about training use."""
        value = YES if agrees else NO
        await self.services.store.set_setting("user", person, SettingKey.TRAINING_CONSENT, value)

    @app_commands.command(name="mydata", description="A file with everything I store of you")
    async def mydata(self, interaction: discord.Interaction) -> None:
        """Send a JSON file, packed where it is large."""
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
        """Ask once more."""
        view = ForgetView(self, user_id(interaction.user))
        await interaction.response.send_message(CONFIRM, view=view, ephemeral=True)

    async def forget_person(self, person: str, names: Collection[str] = ()) -> str:
        """Stop what runs for a person, empty the store of them; gives what to say."""
        store = self.services.store
        running = self.services.chat.unfinished_of(person)
        for ticket in running:
            ticket.stop()
        try:
            async with asyncio.timeout(_STOP_S):
                for ticket in running:
                    await ticket.result()
        except TimeoutError:
            _log.warning("A request of somebody to be forgotten did not stop in time")
        shown = await store.answers_shown_to(FRONT_END, person)
        forgotten = await store.forget(person, names)
        self._bot.desk.cache.clear()
        messages = sum(len(one.message_ids) for one in shown)
        if messages:
            task = asyncio.create_task(self._delete(shown), name="delete answers")
            self._deleting.add(task)
            task.add_done_callback(self._deleting.discard)
        return forgotten_text(forgotten, messages)

    async def _delete(self, shown: list[AnswerMessages]) -> None:
        """Delete our own messages, newest first; discord.py waits for Discord's rate limits."""
        for one in shown:
            channel = self._bot.get_partial_messageable(int(one.channel_id))
            for message_id in one.message_ids:
                try:
                    await channel.get_partial_message(int(message_id)).delete()
                except (discord.HTTPException, *UNREACHABLE) as refusal:
                    _log.info("An answer could not be deleted: %s", type(refusal).__name__)


class ConsentView(discord.ui.View):
    """The choice about training, for five minutes after `/privacy`."""

    def __init__(self, commands: PrivacyCommands, person: str) -> None:
        super().__init__(timeout=_CONFIRM_S)
        self._commands = commands
        self._person = person

    @discord.ui.button(label="Use my data for training", style=discord.ButtonStyle.secondary)
    async def agree(
        self, interaction: discord.Interaction, _button: "discord.ui.Button[ConsentView]"
    ) -> None:
        """Opt in."""
        await self._choose(interaction, agrees=True)

    @discord.ui.button(label="Don't use it", style=discord.ButtonStyle.secondary)
    async def refuse(
        self, interaction: discord.Interaction, _button: "discord.ui.Button[ConsentView]"
    ) -> None:
        """Opt out, which is what holds without a choice."""
        await self._choose(interaction, agrees=False)

    async def _choose(self, interaction: discord.Interaction, *, agrees: bool) -> None:
        await self._commands.consent(self._person, agrees=agrees)
        await interaction.response.edit_message(content=privacy_text(consents=agrees), view=self)

    async def on_error(
        self,
        interaction: discord.Interaction,
        error: Exception,
        _item: discord.ui.Item["ConsentView"],
    ) -> None:
        """The border of each click."""
        await answer_failure(interaction, error)


class ForgetView(discord.ui.View):
    """The confirmation of `/forget`, for five minutes."""

    def __init__(self, commands: PrivacyCommands, person: str) -> None:
        super().__init__(timeout=_CONFIRM_S)
        self._commands = commands
        self._person = person

    @discord.ui.button(label="Delete everything", style=discord.ButtonStyle.danger)
    async def confirm(
        self, interaction: discord.Interaction, _button: "discord.ui.Button[ForgetView]"
    ) -> None:
        """Do it, once."""
        self.stop()
        await interaction.response.edit_message(content="Forgetting …", view=None)
        text = await self._commands.forget_person(self._person, _names(interaction.user))
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
        """The border of each click."""
        await answer_failure(interaction, error)


async def answer_failure(interaction: discord.Interaction, error: Exception) -> None:
    """Log why a click failed, and say it to the person."""
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
    """The file's name and content: JSON, gzipped where it would be too large for Discord."""
    text = json.dumps(asdict(data), ensure_ascii=False, indent=2).encode()
    if len(text) <= most:
        return FILE_NAME, text
    small = gzip.compress(text)
    if len(small) <= most:
        return f"{FILE_NAME}.gz", small
    raise UserError("Your data is too large for Discord. Please ask my operator for it.")
