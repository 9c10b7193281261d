import discord
import pytest

from bot.discord.commands.settings import SettingsCommands
from bot.discord.commands.thread import MODES, ThreadCommand
from bot.discord.rules import ThreadMode, chosen_mode, note_call, thread_mode
from data.records import NO, YES, SettingKey
from tests.bot.discord.scene import only, stage_of

stage = stage_of(only(ThreadCommand, SettingsCommands))


def known(stage, thread) -> discord.Thread:
    found = stage.bot.get_channel(thread.id)
    assert isinstance(found, discord.Thread)
    return found


async def said(who, thread, **options):
    result = await who.slash(thread, "thread", **options)
    assert result.ephemeral
    return [one.content for one in (result.response, *result.followups) if one is not None][-1]


@pytest.mark.parametrize("mode", ThreadMode)
async def test_its_owner_chooses_a_mode_and_everybody_is_told(stage, mode):
    thread = stage.thread()
    assert (await said(stage.ann, thread, mode=mode.value)).startswith(MODES[mode])
    assert await chosen_mode(stage.store, thread.id) is mode
    assert (await said(stage.bob, thread)).startswith(MODES[mode])
    shown = await stage.ann.slash(thread, "settings show")
    assert f"In this thread: {MODES[mode]}" in shown.response.content


async def test_others_may_not(stage):
    thread = stage.thread()
    assert "owner or a moderator" in await said(stage.bob, thread, mode="off")
    assert await chosen_mode(stage.store, thread.id) is None


async def test_a_channel_is_no_thread(stage):
    assert "for threads" in await said(stage.ann, stage.channel)


async def test_without_the_intent_always_is_half_a_promise(stage):
    assert "without the message-content intent" in await said(
        stage.ann, stage.thread(), mode="always"
    )


async def test_without_a_choice_it_goes_by_what_the_thread_is(stage):
    thread = stage.thread()
    place = known(stage, thread)
    assert await thread_mode(stage.store, place) is ThreadMode.CALLED
    await stage.store.set_setting("channel", str(stage.channel.id), SettingKey.ALWAYS, YES)
    assert await thread_mode(stage.store, place) is ThreadMode.ALWAYS
    await stage.answered(channel=thread)
    await stage.store.set_setting("channel", str(stage.channel.id), SettingKey.ALWAYS, NO)
    assert await thread_mode(stage.store, place) is ThreadMode.CALLED, "nobody called it there"
    await note_call(stage.store, place)
    assert await thread_mode(stage.store, place) is ThreadMode.ALWAYS


async def test_an_answer_from_before_calls_were_noted_tells_of_one(stage):
    thread = stage.thread()
    await stage.answered(channel=thread)
    assert await thread_mode(stage.store, known(stage, thread)) is ThreadMode.ALWAYS


async def test_a_mode_of_a_newer_version_is_the_careful_one(stage):
    thread = stage.thread()
    await stage.store.set_setting("channel", str(thread.id), SettingKey.THREAD_MODE, "someday")
    assert await thread_mode(stage.store, known(stage, thread)) is ThreadMode.CALLED
