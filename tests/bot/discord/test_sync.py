from typing import Any

import pytest
from discord import app_commands

from bot.discord.sync import differences, sync_commands
from tests.bot.discord.stage import stage

OURS: dict[str, Any] = {
    "name": "ask", "type": 1, "description": "Ask", "nsfw": False, "dm_permission": True,
    "default_member_permissions": 32, "contexts": [0, 1], "integration_types": [0],
    "options": [
        {"type": 3, "name": "prompt", "description": "What", "required": True, "max_length": 9},
        {"type": 3, "name": "kind", "description": "Which", "required": False,
         "choices": [{"name": "a", "value": "b"}]},
    ],
}  # fmt: skip
THEIRS: dict[str, Any] = {  # as Discord writes it
    "id": "5", "application_id": "6", "version": "7", "handler": 1, "name_localizations": None,
    **OURS, "default_member_permissions": "32", "contexts": [1, 0],
    "options": [
        {**OURS["options"][0], "name_localizations": None, "description_localizations": None},
        {"type": 3, "name": "kind", "description": "Which",
         "choices": [{"name": "a", "name_localizations": None, "value": "b"}]},
    ],
}  # fmt: skip
MENU = {"name": "Ask about this", "type": 3, "dm_permission": True}


def syncs(on) -> int:
    return sum(
        one.method == "PUT" and one.path.endswith("/commands") for one in on.env.http_requests
    )


def test_the_way_that_discord_writes_commands_is_no_difference():
    menu = {**MENU, "description": "", "options": [], "nsfw": False}
    assert differences([OURS, MENU], [menu, THEIRS]) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"description": "Ask me"},
        {"default_member_permissions": None},
        {"default_member_permissions": "0"},
        {"nsfw": True},
        {"contexts": [0]},
        {"contexts": None},
        {"integration_types": [0, 1]},
        {"options": OURS["options"][:1]},
        {"options": OURS["options"][::-1]},
        {"options": [{**OURS["options"][0], "max_length": 8}, OURS["options"][1]]},
        {"options": [{**OURS["options"][0], "required": False}, OURS["options"][1]]},
        {"name_localizations": {"de": "frag"}},
        {"name": "question"},
    ],
)
def test_what_people_would_notice_is_one(changes: dict[str, Any]):
    assert "ask" in differences([OURS, MENU], [{**THEIRS, **changes}, MENU])


def test_a_command_too_much_or_too_little_is_one():
    assert differences([OURS], [THEIRS, MENU]) == ["Ask about this"]
    assert differences([OURS, MENU], [THEIRS]) == ["Ask about this"]
    assert differences([OURS], [{**THEIRS, "type": 2}]) == ["ask"]


async def test_commands_are_sent_once_and_again_when_either_side_changed(tmp_path):
    async with stage(tmp_path) as on:
        assert syncs(on) == 1
        await on.restart()
        assert syncs(on) == 1

        @app_commands.command(name="extra", description="One more")
        async def extra(_interaction):
            pass

        on.bot.tree.add_command(extra)
        own_id = on.bot.application_id
        assert own_id is not None
        for count in (2, 2):
            assert await sync_commands(on.bot.tree, own_id)
            assert syncs(on) == count
        on.env.backend.commands[None].clear()
        assert await sync_commands(on.bot.tree, own_id)
        assert syncs(on) == 3


async def test_a_refusal_is_logged_and_tried_again(tmp_path, caplog):
    async with stage(tmp_path) as on:
        own_id = on.bot.application_id
        assert own_id is not None
        on.env.backend.commands[None].clear()
        on.env.inject_error("PUT", "/applications/*/commands", status=403)
        assert not await sync_commands(on.bot.tree, own_id)
        assert "did not take the commands" in caplog.text
        assert await sync_commands(on.bot.tree, own_id)
