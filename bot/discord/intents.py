"""Which events the bot asks Discord for."""

import discord


def wanted_intents(*, message_content: bool) -> discord.Intents:
    """What the bot works with; `message_content` is the one that Discord has to grant.

    Without it the text of mentions, of replies to the bot, of direct messages and of commands
    comes all the same.
    """
    return discord.Intents(
        guilds=True,
        guild_messages=True,
        dm_messages=True,
        guild_reactions=True,
        dm_reactions=True,
        message_content=message_content,
    )
