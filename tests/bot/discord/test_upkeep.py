from datetime import timedelta

import pytest

from bot.discord import upkeep as module
from bot.discord.upkeep import KEPT_AWAY, Upkeep
from data.records import YES, SettingKey
from tests.bot.discord.scene import only, stage_of
from tests.discord_server.state.commands import CHAT_INPUT

stage = stage_of(only(Upkeep))


@pytest.fixture
async def upkeep(stage):
    found = Upkeep(stage.bot, stage.bot.services, stage.rig.time.clock)
    await stage.cog(Upkeep).cog_unload()
    return found


async def test_places_that_are_there_keep_what_is_set(stage, upkeep):
    thread = stage.thread()
    await stage.store.set_setting("guild", str(stage.guild.id), SettingKey.HOURLY_LIMIT, "3")
    for place in (stage.channel, thread):
        await stage.store.set_setting("channel", str(place.id), SettingKey.ALWAYS, YES)
    before = stage.rig.time.at
    for _ in range(3):
        stage.rig.time.at += KEPT_AWAY
        await upkeep.look()
    assert stage.rig.time.at > before
    assert await stage.store.places("guild") == [str(stage.guild.id)]
    assert len(await stage.store.places("channel")) == 2


async def test_a_server_that_is_left_is_remembered_for_thirty_days(stage, upkeep):
    await stage.store.set_setting("guild", "77", SettingKey.HOURLY_LIMIT, "3")
    await upkeep.look()
    assert await stage.store.setting("guild", "77", SettingKey.AWAY_SINCE) is not None
    stage.rig.time.at += KEPT_AWAY
    await upkeep.look()
    assert await stage.store.setting("guild", "77", SettingKey.HOURLY_LIMIT) == "3"
    stage.rig.time.at += timedelta(seconds=1)
    await upkeep.look()
    assert await stage.store.places("guild") == []


async def test_hidden_channels_wait_and_unknown_ones_go(stage, upkeep, monkeypatch):
    monkeypatch.setattr(module, "MOST_FETCHED", 1)
    for channel_id in ("71", "72"):
        await stage.store.set_setting("channel", channel_id, SettingKey.ALWAYS, YES)
    stage.env.inject_error("GET", "/channels/71", status=403)
    await upkeep.look()
    assert await stage.store.places("channel") == ["71", "72"], "one look, one channel"
    await upkeep.look()
    assert await stage.store.places("channel") == ["71"]
    assert await stage.store.setting("channel", "71", SettingKey.AWAY_SINCE) is not None


async def test_an_intent_that_is_granted_later_is_told_of_once(stage, upkeep, caplog, monkeypatch):
    class Info:
        flags = type("Flags", (), {"gateway_message_content": True,
                                   "gateway_message_content_limited": False})  # fmt: skip

    async def application_info():
        return Info

    monkeypatch.setattr(stage.bot, "application_info", application_info)
    for _ in range(2):
        await upkeep.look()
    assert caplog.text.count("grants the message-content intent now") == 1


async def test_what_fails_is_logged_and_the_next_look_goes_on(stage, upkeep, caplog):
    await stage.store.set_setting("channel", "71", SettingKey.ALWAYS, YES)
    stage.env.inject_error("GET", "/channels/71", status=500, times=5)
    await upkeep.look()
    assert "could not be compared" in caplog.text
    assert await stage.store.places("channel") == ["71"]


async def test_an_hour_later_it_looks_again(tmp_path, monkeypatch):
    from tests.bot.discord.test_front_end import online, served

    monkeypatch.setattr(module, "EVERY_S", 0.02)
    async with served(tmp_path) as (discord, _on, front_end), online(discord, front_end):
        book = discord.world.commands
        await discord.until(lambda: ("ask", CHAT_INPUT) in book.commands)
        book.replace([])
        await discord.until(lambda: ("ask", CHAT_INPUT) in book.commands, "they are back")
