"""`/thread`: when the bot answers in a thread, for the thread's owner and the moderators."""

import discord
from discord import app_commands

from bot.discord import phrases
from bot.discord.commands.base import MANAGE_SERVER, CommandCog, defer_privately, holds
from bot.discord.rules import ThreadMode, thread_mode
from bot.errors import NotAllowed, UserError
from data.records import SettingKey

MODES = {
    ThreadMode.ALWAYS: "I answer everything that is not said to somebody else.",
    ThreadMode.CALLED: "I answer only when I am called: by a mention, a reply or a command.",
    ThreadMode.OFF: "I answer nothing.",
}
_MODERATION = ("manage_threads", "manage_messages", MANAGE_SERVER)
_NO_THREAD = "That is for threads. For a whole channel there is /settings always."
_NOT_YOURS = "Only this thread's owner or a moderator can change that."


class ThreadCommand(CommandCog):
    """Shows a thread's mode to everybody there, and lets some change it."""

    @app_commands.command(name="thread", description="When I answer in this thread")
    @app_commands.guild_only()
    @app_commands.describe(mode="Left out, I say what holds now")
    @app_commands.choices(
        mode=[
            app_commands.Choice(name="always: everything said here", value=ThreadMode.ALWAYS),
            app_commands.Choice(name="called: only when I am called", value=ThreadMode.CALLED),
            app_commands.Choice(name="off: never", value=ThreadMode.OFF),
        ]
    )
    async def thread(self, interaction: discord.Interaction, mode: str | None = None) -> None:
        """Show the mode, or set it."""
        await defer_privately(interaction)
        channel = interaction.channel
        if not isinstance(channel, discord.Thread):
            raise UserError(_NO_THREAD)
        if mode is not None:
            _require_say(interaction, channel)
            chosen = ThreadMode(mode)
            await self.services.store.set_setting(
                "channel", str(channel.id), SettingKey.THREAD_MODE, chosen
            )
        text = MODES[await thread_mode(self.services.store, channel)]
        if mode == ThreadMode.ALWAYS and not interaction.client.intents.message_content:
            text += f" {phrases.CANNOT_READ}"
        await interaction.edit_original_response(content=text)


def _require_say(interaction: discord.Interaction, thread: discord.Thread) -> None:
    """Raise NotAllowed for who neither opened the thread nor moderates here."""
    moderates = any(holds(interaction.permissions, name) for name in _MODERATION)
    if not moderates and thread.owner_id != interaction.user.id:
        raise NotAllowed(_NOT_YOURS)
