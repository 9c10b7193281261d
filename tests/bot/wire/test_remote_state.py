"""What Discord has is asked of Discord, at each start and every hour."""

import pytest

from tests.discord_server.driver import Discord
from tests.discord_server.state.commands import CHAT_INPUT
from tests.discord_server.state.messages import Json
from tests.discord_server.state.upheavals import delete_channel, expel
from tests.programs.bot_on_discord import Bot, bot_of_a_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
WRITTEN = "PUT /applications/{application}/commands"
SET_FOR = "SELECT key FROM settings WHERE scope_id = ? ORDER BY key"
bot = bot_of_a_file(script={"step_seconds": 0.0})


def _essence(command: Json) -> Json:
    return {key: value for key, value in command.items() if key not in ("id", "version")}


async def test_commands_that_another_program_changed_come_back(bot: Bot, discord: Discord):
    book = discord.world.commands
    right = {key: _essence(command) for key, command in book.commands.items()}
    assert len(right) > 5
    written = len(discord.calls.of(WRITTEN))

    async def restarted() -> dict[tuple[str, int], Json]:
        assert await bot.end() == 0
        await bot.start()
        return {key: _essence(command) for key, command in book.commands.items()}

    assert await restarted() == right
    assert len(discord.calls.of(WRITTEN)) == written, "they were right"
    book.replace([{"name": "ping", "type": CHAT_INPUT, "id": "1", "description": "Other's"}])
    assert await restarted() == right
    book.commands["settings", CHAT_INPUT]["default_member_permissions"] = None
    assert await restarted() == right
    assert len(discord.calls.of(WRITTEN)) == written + 2


async def test_what_was_set_for_a_deleted_channel_goes(bot: Bot, discord: Discord):
    owner = discord.guild.owner
    gone, later, kept = discord.channel(), discord.channel(), discord.channel()
    for room in (gone, later, kept):
        await discord.slash(room, owner, "persona set", text="Be a pirate.")
        await bot.until_rows(SET_FOR, [("persona",)], str(room.id))
    delete_channel(discord.world, gone)
    await bot.until_rows(SET_FOR, [], str(gone.id))
    assert await bot.end() == 0
    delete_channel(discord.world, later)
    await bot.start()
    await bot.until_rows(SET_FOR, [], str(later.id))
    assert bot.rows(SET_FOR, str(kept.id)) == [("persona",)]


async def test_what_was_set_for_a_server_outlives_a_short_absence(bot: Bot, discord: Discord):
    assert await bot.end() == 0
    other = discord.world.add_guild("Another server")
    room = discord.world.add_channel(other, "general")
    await bot.start()
    await discord.slash(room, other.owner, "settings limits", per_hour=3)
    await bot.until_rows(SET_FOR, [("hourly_limit",)], str(other.id))
    expel(discord.world, other)
    await bot.until_rows(SET_FOR, [("away_since",), ("hourly_limit",)], str(other.id))
    assert await bot.end() == 0
    discord.world.guilds[other.id] = other
    discord.world.channels[room.id] = room
    await bot.start()
    await bot.until_rows(SET_FOR, [("hourly_limit",)], str(other.id))
