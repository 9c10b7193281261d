"""What the bot has to be allowed, and the link that invites it with just that."""

import discord

PERMISSIONS = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    read_message_history=True,  # for replies, reply chains and reactions made meanwhile
    add_reactions=True,
)
SCOPES = ("bot", "applications.commands")


def invite_link(application_id: int) -> str:
    """Where a server's manager adds the bot."""
    return discord.utils.oauth_url(application_id, permissions=PERMISSIONS, scopes=SCOPES)


def missing(granted: int) -> list[str]:
    """The names of the permissions that `granted`, Discord's number, lacks. Pure."""
    held = discord.Permissions(granted)
    if held.administrator:
        return []
    return [title(name) for name, needed in PERMISSIONS if needed and not getattr(held, name)]


def title(name: str) -> str:
    """A permission as Discord's own pages call it. Pure."""
    shown = "view_channel" if name == "read_messages" else name
    return shown.replace("_", " ").title().replace(" In ", " in ")
