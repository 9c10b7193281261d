"""Telling Discord which commands the bot has, only when they have changed."""

import hashlib
import json
import logging
from typing import Any

import discord
from discord import app_commands

from data.records import SettingKey
from data.store.store import Store

_log = logging.getLogger(__name__)


def fingerprint(tree: app_commands.CommandTree[Any], application_id: int) -> str:
    """A hash that changes with any command's name, options or texts, and with the application."""
    commands = [command.to_dict(tree) for command in tree.walk_commands() if command.parent is None]
    menus = [
        menu.to_dict(tree)
        for kind in (discord.AppCommandType.message, discord.AppCommandType.user)
        for menu in tree.get_commands(type=kind)
    ]
    text = json.dumps([application_id, commands, menus], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


async def sync_if_changed(
    tree: app_commands.CommandTree[Any], store: Store, application_id: int
) -> bool:
    """Send the commands to Discord unless it has just these; gives whether they were sent.

    Where Discord refuses them the old ones stay, and the next start tries again. Raises
    StoreError.
    """
    now = fingerprint(tree, application_id)
    if await store.setting("global", "", SettingKey.DISCORD_COMMANDS) == now:
        return False
    try:
        await tree.sync()
    except (discord.HTTPException, app_commands.AppCommandError) as error:
        _log.error("Discord did not take the commands: %s", error)
        return False
    await store.set_setting("global", "", SettingKey.DISCORD_COMMANDS, now)
    return True
