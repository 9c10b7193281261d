import pytest

from bot.discord.commands.settings import MOST_ROLES, SettingsCommands
from bot.discord.phrases import BROKEN
from bot.discord.rules import ServerRules, rules_of
from data.errors import StoreTooNew
from data.records import SettingKey
from tests.bot.discord.scene import only, stage_of

stage = stage_of(only(SettingsCommands))


async def rules(stage, channel=None):
    place = stage.bot.get_channel((channel or stage.channel).id)
    return await rules_of(stage.store, stage.guild.id, place)


async def done(stage, command, **options):
    result = await stage.ann.slash(stage.channel, f"settings {command}", **options)
    assert result.ephemeral
    return result.response.content


async def test_nothing_is_set_at_first(stage):
    assert await rules(stage) == ServerRules()
    shown = await done(stage, "show")
    assert "Who may ask: everybody" in shown
    assert "an hour: without a limit" in shown
    assert "unanswered: 3" in shown


async def test_every_rule_is_set_shown_and_taken_back(stage):
    role = stage.guild.create_role("Friends")
    assert "every message" in await done(stage, "always", on=True)
    await done(stage, "role", role=role, allowed=True)
    assert await done(stage, "limits", per_hour=5, at_once=2) == (
        "An hour: 5. Unanswered at once: 2."
    )
    await done(stage, "tuned", only_age_restricted=True)
    assert await rules(stage) == ServerRules(
        always=True,
        roles=frozenset({role.id}),
        hourly_limit=5,
        waiting_limit=2,
        tuned_restricted=True,
    )
    shown = await done(stage, "show")
    assert f"<@&{role.id}>" in shown
    assert "an hour: 5" in shown
    assert shown.count(": yes") == 2

    await done(stage, "always", on=False)
    assert await done(stage, "role", role=role, allowed=False) == "Everybody may ask me now."
    assert await done(stage, "limits", per_hour=0) == "An hour: no limit. Unanswered at once: 2."
    await done(stage, "limits", at_once=0)
    await done(stage, "tuned", only_age_restricted=False)
    assert await rules(stage) == ServerRules()


async def test_another_channel_can_be_named_and_a_thread_means_its_channel(stage):
    other = stage.guild.create_text_channel("other")
    await done(stage, "always", on=True, channel=other)
    assert (await rules(stage, other)).always
    assert not (await rules(stage)).always
    thread = stage.thread()
    await stage.ann.slash(thread, "settings always", on=True)
    assert (await rules(stage)).always
    assert (await rules(stage, thread)).always


async def test_an_always_channel_that_cannot_be_read_is_said_so(stage):
    assert "without the message-content intent" in await done(stage, "always", on=True)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("show", {}),
        ("always", {"on": True}),
        ("limits", {"per_hour": 1}),
        ("tuned", {"only_age_restricted": True}),
    ],
)
async def test_it_is_asked_on_the_servers_side_whatever_discords_ui_allows(stage, command, options):
    _show_to_bob(stage)
    result = await stage.bob.slash(stage.channel, f"settings {command}", **options)
    assert result.ephemeral
    assert result.response.content == "You need the permission “Manage Server” here for that."
    assert await rules(stage) == ServerRules()


async def test_roles_are_bounded(stage):
    roles = [stage.guild.create_role(f"r{number}") for number in range(MOST_ROLES + 1)]
    for role in roles[:-1]:
        await done(stage, "role", role=role, allowed=True)
    assert "at most 25" in await done(stage, "role", role=roles[-1], allowed=True)
    assert len((await rules(stage)).roles) == MOST_ROLES


async def test_a_direct_message_has_no_rules(stage):
    assert await rules_of(stage.store, None, stage.bob.user.dm_channel) == ServerRules()


def _show_to_bob(stage):
    """As a server's integration settings can."""
    visible = stage.env.backend.visible_commands(user_id=stage.ann.id, channel_id=stage.channel.id)
    [command] = [command for command in visible if command["name"] == "settings"]
    stage.guild.set_command_permissions(int(command["id"]), {stage.bob: True})


async def test_answers_to_deleted_questions_can_be_kept(stage):
    assert "stay now" in await done(stage, "deleted", keep_answers=True)
    assert (await rules(stage)).keeps_answers
    assert "takes its answer back" in await done(stage, "deleted", keep_answers=False)
    assert await rules(stage) == ServerRules()


@pytest.mark.parametrize("key", [SettingKey.HOURLY_LIMIT, SettingKey.ALLOWED_ROLES])
async def test_what_only_a_newer_version_understands_is_said_so(stage, key):
    await stage.store.set_setting("guild", str(stage.guild.id), key, "on tuesdays")
    with pytest.raises(StoreTooNew, match=key):
        await rules(stage)
    assert await done(stage, "show") == BROKEN
