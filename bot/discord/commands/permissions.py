"""Who may do what, by the permissions that Discord itself states with each interaction.

Discord's settings can show a command to anybody, so each command asks here again.
"""

import discord

from bot.errors import NotAllowed

MANAGE_SERVER = "manage_guild"
_WORDS = {MANAGE_SERVER: "Manage Server"}


def holds(permissions: discord.Permissions, name: str) -> bool:
    """Whether `permissions` include the one called `name`; an administrator has all."""
    return permissions.administrator or bool(getattr(permissions, name))


def require(interaction: discord.Interaction, name: str) -> None:
    """Raise NotAllowed unless the person has the permission here; alone with the bot all may."""
    if interaction.guild_id is not None and not holds(interaction.permissions, name):
        raise NotAllowed(f"You need the permission “{_in_words(name)}” here for that.")


def _in_words(name: str) -> str:
    return _WORDS.get(name, name.replace("_", " ").title())
