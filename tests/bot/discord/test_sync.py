from discord import app_commands

from bot.discord.sync import fingerprint, sync_if_changed
from data.records import SettingKey
from tests.bot.discord.stage import stage


def syncs(on) -> int:
    return sum(
        one.method == "PUT" and one.path.endswith("/commands") for one in on.env.http_requests
    )


async def test_commands_are_synced_once_and_again_when_they_change(tmp_path):
    async with stage(tmp_path) as on:
        assert syncs(on) == 1
        await on.restart()
        assert syncs(on) == 1

        @app_commands.command(name="extra", description="One more")
        async def extra(_interaction):
            pass

        before = fingerprint(on.bot.tree, 1)
        on.bot.tree.add_command(extra)
        assert fingerprint(on.bot.tree, 1) != before
        assert fingerprint(on.bot.tree, 1) != fingerprint(on.bot.tree, 2)
        own_id = on.bot.application_id
        assert own_id is not None
        assert await sync_if_changed(on.bot.tree, on.store, own_id)
        assert not await sync_if_changed(on.bot.tree, on.store, own_id)
        assert syncs(on) == 2


async def test_a_refusal_is_tried_again_at_the_next_start(tmp_path):
    async with stage(tmp_path) as on:
        await on.store.set_setting("global", "", SettingKey.DISCORD_COMMANDS, None)
        on.env.inject_error("PUT", "/applications/*/commands", status=403)
        assert not await sync_if_changed(on.bot.tree, on.store, 1)
        assert await sync_if_changed(on.bot.tree, on.store, 1)
