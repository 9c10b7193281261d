import discord
import pytest

from bot.discord.commands.permissions import holds


@pytest.mark.parametrize(
    ("permissions", "is_held"),
    [
        (discord.Permissions.none(), False),
        (discord.Permissions(manage_messages=True), False),
        (discord.Permissions(manage_guild=True), True),
        (discord.Permissions(administrator=True), True),
    ],
)
def test_an_administrator_has_all(permissions, is_held):
    assert holds(permissions, "manage_guild") is is_held
