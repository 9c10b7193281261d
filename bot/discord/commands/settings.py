"""`/settings`: what the managers of a server may set for it."""

from typing import Literal

import discord
from discord import app_commands

from bot.discord import phrases
from bot.discord.commands.base import (
    MANAGE_SERVER,
    CommandCog,
    answer,
    defer_if_slow,
    defer_privately,
    here,
    require,
)
from bot.discord.commands.thread import MODES
from bot.discord.identity import settings_channel
from bot.discord.rules import (
    THREAD_PERMISSION,
    allowed_roles,
    may_open_threads,
    rules_of,
    thread_mode,
)
from bot.errors import NotAllowed, UserError
from data.records import NO, YES, SettingKey

MOST_ROLES = 25
Channel = discord.TextChannel | discord.ForumChannel | discord.VoiceChannel | discord.StageChannel


class SettingsCommands(CommandCog):
    """Shows and stores the ServerRules."""

    settings = app_commands.Group(
        name="settings",
        description="What I may do in this server (Manage Server)",
        guild_only=True,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=False),
        default_permissions=discord.Permissions(manage_guild=True),
    )

    async def interaction_check(self, interaction: discord.Interaction, /) -> bool:
        """Refuse people who may not manage the server, whatever Discord's own settings say."""
        try:
            require(interaction, MANAGE_SERVER)
        except NotAllowed as refusal:
            raise app_commands.CheckFailure(str(refusal)) from refusal
        return True

    @settings.command(name="show", description="What is set for this server and this channel")
    async def show(self, interaction: discord.Interaction) -> None:
        """List every rule."""
        defer_if_slow(interaction, defer_privately)
        guild, channel = _server(interaction), here(interaction)
        rules = await rules_of(self.services.store, guild, channel)
        roles = ", ".join(f"<@&{role}>" for role in sorted(rules.roles)) or "everybody"
        lines = (
            f"Every message of this channel is answered: {_yes(rules.always)}",
            f"Each answer gets a thread of its own in this channel: {_yes(rules.threads)}",
            f"Who may ask: {roles}",
            f"One person may ask, an hour: {rules.hourly_limit or 'without a limit'}",
            f"One person may have unanswered: {rules.waiting_limit or self._usual_waiting}",
            "Other models than the base only in age-restricted channels: "
            + _yes(rules.tuned_restricted),
            f"Answers stay where their question is deleted: {_yes(rules.keeps_answers)}",
        )
        if isinstance(channel, discord.Thread):
            mode = await thread_mode(self.services.store, channel)
            lines = (*lines, f"In this thread: {MODES[mode]}")
        await answer(interaction, "\n".join(lines), ephemeral=True)

    @settings.command(name="always", description="Answer every message of a channel, or not")
    @app_commands.describe(on="Whether I answer every message", channel="This one if left out")
    async def always(
        self, interaction: discord.Interaction, on: bool, channel: Channel | None = None
    ) -> None:
        """Make a channel an always-channel."""
        defer_if_slow(interaction, defer_privately)
        target = channel or _settable(interaction)
        # NO and not nothing: an answer in one of its threads tells of no call there.
        await self._set("channel", target.id, SettingKey.ALWAYS, YES if on else NO)
        text = f"I answer every message in <#{target.id}> now."
        if not on:
            text = f"In <#{target.id}> I answer when I am mentioned or replied to."
        elif not interaction.client.intents.message_content:
            text += f" {phrases.CANNOT_READ}"
        await answer(interaction, text, ephemeral=True)

    @settings.command(name="threads", description="Give each answer a thread of its own, or not")
    @app_commands.describe(on="Whether I open threads", channel="This one if left out")
    async def threads(
        self, interaction: discord.Interaction, on: bool, channel: discord.TextChannel | None = None
    ) -> None:
        """Let each answer in a channel open a thread."""
        defer_if_slow(interaction, defer_privately)
        target = channel or _settable(interaction)
        await self._set("channel", target.id, SettingKey.THREADS, YES if on else None)
        text = f"Each answer in <#{target.id}> gets a thread of its own now."
        if not on:
            text = f"In <#{target.id}> I answer where I am asked."
        elif not may_open_threads(interaction.client.get_channel(target.id)):
            text += f" But first I need “{THREAD_PERMISSION}” there; until then I answer in place."
        await answer(interaction, text, ephemeral=True)

    @settings.command(name="role", description="Let a role talk to me, or not any more")
    @app_commands.describe(role="Without any role, everybody may ask", allowed="Whether it may")
    async def role(
        self, interaction: discord.Interaction, role: discord.Role, allowed: bool
    ) -> None:
        """Add a role to those that may ask, or take it out."""
        defer_if_slow(interaction, defer_privately)
        guild = _server(interaction)
        now = await allowed_roles(self.services.store, guild)
        then = now | {role.id} if allowed else now - {role.id}
        if len(then) > MOST_ROLES:
            raise UserError(f"There may be at most {MOST_ROLES} roles.")
        value = " ".join(str(one) for one in sorted(then)) or None
        await self._set("guild", guild, SettingKey.ALLOWED_ROLES, value)
        text = "Everybody may ask me now."
        if then:
            text = "Who may ask me: " + ", ".join(f"<@&{one}>" for one in sorted(then))
        await answer(interaction, text, ephemeral=True)

    @settings.command(name="limits", description="How much one person may ask; 0 is no limit")
    @app_commands.describe(
        per_hour="Answers an hour for one person", at_once="Unanswered messages of one person"
    )
    async def limits(
        self,
        interaction: discord.Interaction,
        per_hour: app_commands.Range[int, 0, 1000] | None = None,
        at_once: app_commands.Range[int, 0, 1000] | None = None,
    ) -> None:
        """Set one limit or both; a limit that is left out stays as it is."""
        defer_if_slow(interaction, defer_privately)
        guild = _server(interaction)
        for key, value in (
            (SettingKey.HOURLY_LIMIT, per_hour),
            (SettingKey.WAITING_LIMIT, at_once),
        ):
            if value is not None:
                await self._set("guild", guild, key, str(value) if value else None)
        rules = await rules_of(self.services.store, guild, discord.Object(0))
        hourly, waiting = rules.hourly_limit or "no limit", rules.waiting_limit
        text = f"An hour: {hourly}. Unanswered at once: {waiting or self._usual_waiting}."
        await answer(interaction, text, ephemeral=True)

    @settings.command(name="tuned", description="Keep tuned models to age-restricted channels")
    @app_commands.describe(only_age_restricted="Elsewhere in this server the base model answers")
    async def tuned(self, interaction: discord.Interaction, only_age_restricted: bool) -> None:
        """Allow other variants than the base only in age-restricted channels, or everywhere."""
        defer_if_slow(interaction, defer_privately)
        value = YES if only_age_restricted else None
        await self._set("guild", _server(interaction), SettingKey.TUNED_AGE_RESTRICTED_ONLY, value)
        text = "Every model may answer everywhere in this server."
        if only_age_restricted:
            text = "Outside age-restricted channels only the base model answers now."
        await answer(interaction, text, ephemeral=True)

    @settings.command(name="deleted", description="What becomes of the answer to a deleted message")
    @app_commands.describe(keep_answers="Leave the answer where it is; otherwise it goes as well")
    async def deleted(self, interaction: discord.Interaction, keep_answers: bool) -> None:
        """Keep answers whose question is deleted, or take them back."""
        defer_if_slow(interaction, defer_privately)
        value = YES if keep_answers else None
        await self._set("guild", _server(interaction), SettingKey.KEEP_ANSWERS, value)
        text = "Whoever deletes a question takes its answer back, too."
        if keep_answers:
            text = "Answers stay now where their question is deleted."
        await answer(interaction, text, ephemeral=True)

    @property
    def _usual_waiting(self) -> int:
        return self.services.settings.queue_per_user

    async def _set(
        self, scope: Literal["guild", "channel"], scope_id: int, key: SettingKey, value: str | None
    ) -> None:
        await self.services.store.set_setting(scope, str(scope_id), key, value)


def _server(interaction: discord.Interaction) -> int:
    if interaction.guild_id is None:
        raise UserError("That is for servers.")
    return interaction.guild_id


def _settable(interaction: discord.Interaction) -> discord.abc.Snowflake:
    """The channel in which the command was used; for a thread, the thread's channel."""
    channel = interaction.channel
    if channel is None:
        raise UserError("Name the channel, please.")
    return discord.Object(int(settings_channel(channel)))


def _yes(on: bool) -> str:
    return "yes" if on else "no"
