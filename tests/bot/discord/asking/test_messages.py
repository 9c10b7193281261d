"""Messages to the bot: which are answered, with what before the model's eyes."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import discord
import pytest
import simcord

from bot.chat.events import Ask
from bot.discord import phrases
from bot.discord.asking.desk import UserQuestion
from bot.discord.identity import FRONT_END
from bot.discord.incoming.reading import names_in
from data.errors import StoreError
from data.records import YES, SettingKey
from tests.bot.discord.stage import LIMIT_S, stage
from tests.fakes.outlet import FakeOutlet
from tests.fakes.worker import Hang

ANSWER = "Hello there\n-# tuned"


async def test_a_mention_is_answered_with_a_reply(tmp_path):
    async with stage(tmp_path) as on:
        asked = await on.ann.send(on.channel, f"{on.mention} Is water wet?")
        [answer] = on.shown()
        assert answer.content == ANSWER
        assert answer.reference is not None
        assert answer.reference.message_id == asked.id
        assert on.turns() == (("user", "Is water wet?"),)
        stored = await on.store.answer_by_message(FRONT_END, str(answer.id))
        assert stored is not None
        assert stored.text == "Hello there"
        assert [reaction.emoji for reaction in answer.reactions] == ["👍", "👎", "😂", "🤖"]


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (SettingKey.ALWAYS, "a message is answered without what was said before: StoreError"),
        (SettingKey.THREADS, "a message is answered without a thread of its own: StoreError"),
    ],
)
async def test_the_log_says_what_an_answer_goes_without(tmp_path, monkeypatch, caplog, key, line):
    async with stage(tmp_path) as on:
        setting = on.store.setting

        async def fail(scope, scope_id, wanted):
            if wanted is key:
                raise StoreError("the disk is full")
            return await setting(scope, scope_id, wanted)

        monkeypatch.setattr(on.store, "setting", fail)
        monkeypatch.setattr(on.bot.desk.admission, "admit", _admitted)
        await on.ann.send(on.channel, f"{on.mention} Is water wet?")
        assert on.texts() == [ANSWER]
    assert line in caplog.text
    assert "left alone" not in caplog.text


async def _admitted(*_: Any, **__: Any) -> None:
    """Everybody may ask; the rules of a server cannot be read either."""


async def test_what_becomes_of_a_deleted_question_that_cannot_be_looked_up(
    tmp_path, monkeypatch, caplog
):
    async with stage(tmp_path) as on:
        asked = await on.ann.send(on.channel, f"{on.mention} Is water wet?")

        async def fail(_key):
            raise StoreError("the disk is full")

        monkeypatch.setattr(on.store, "requests_about", fail)
        await on.ann.delete(asked)
        assert on.texts() == [ANSWER]
    assert "the answer to a deleted message stays: StoreError" in caplog.text
    assert "left alone" not in caplog.text


async def test_the_first_sign_is_typing(tmp_path):
    async with stage(tmp_path) as on:
        await on.ann.send(on.channel, f"{on.mention} hi")
        posts = [one for one in on.env.http_requests if one.method == "POST"]
        assert posts[0].path.endswith("/typing")


async def test_the_first_sign_comes_before_anything_is_read(tmp_path):
    async with stage(tmp_path) as on:
        thread = on.thread()
        await on.ann.send(thread, f"{on.mention} hi")
        calls = [(one.method, one.path.rpartition("/")[2]) for one in on.env.http_requests]
        assert calls.index(("POST", "typing")) < calls.index(("GET", "messages"))


async def test_a_refused_question_leaves_no_typing_sign(tmp_path):
    async with stage(tmp_path, prompt_max_chars=100) as on:
        await on.ann.send(on.channel, f"{on.mention} {'word ' * 100}")
        assert len(on.shown()) == 1
        assert [task for task in asyncio.all_tasks() if task.get_name() == "typing"] == []


async def test_only_the_person_answered_can_be_pinged(tmp_path):
    async with stage(tmp_path, ("@everyone <@123456789012345678> <@&123456789012345678>",)) as on:
        await on.ann.send(on.channel, f"{on.mention} ping them all")
        sent = [one.json for one in on.env.http_requests if one.path.endswith("/messages")]
        assert sent
        for body in sent:
            assert body is not None
            assert body["allowed_mentions"] == {"parse": [], "replied_user": True}


@pytest.mark.parametrize("text", ["hello", "@everyone hello"])
async def test_what_is_said_to_others_is_not_answered(tmp_path, text: str):
    async with stage(tmp_path, message_content=True) as on:
        await on.ann.send(on.channel, text)
        assert on.shown() == []


async def test_bots_and_webhooks_are_not_answered(tmp_path):
    async with stage(tmp_path) as on:
        robot = on.guild.add_member(on.env.create_user("robot", bot=True))
        await robot.send(on.channel, f"{on.mention} beep")
        await on.guild.create_webhook(on.channel).send(f"{on.mention} boop")
        assert on.shown() == []


async def test_an_empty_mention_gets_a_hint(tmp_path):
    async with stage(tmp_path) as on:
        await on.ann.send(on.channel, on.mention)
        assert on.texts() == [phrases.HINT]
        assert on.worker.calls == []


async def test_an_empty_mention_under_a_message_means_that_one(tmp_path):
    async with stage(tmp_path, message_content=True) as on:
        said = await on.bob.send(on.channel, "Cats are liquid.")
        await on.ann.send(on.channel, on.mention, reply_to=said)
        assert on.turns() == (
            ("user", f"bob: Cats are liquid.\nann: {phrases.ABOUT_PROMPT}"),
        )  # fmt: skip


async def test_where_it_may_not_speak_it_does_not(tmp_path):
    async with stage(tmp_path) as on:
        me = on.guild.me
        quiet = on.guild.create_text_channel(
            "quiet", overwrites={me: discord.PermissionOverwrite(send_messages=False)}
        )
        await on.ann.send(quiet, f"{on.mention} hi")
        assert on.shown(quiet) == []
        assert on.worker.calls == []


async def test_a_direct_message_needs_no_mention_and_has_a_past(tmp_path):
    async with stage(tmp_path) as on:
        await on.ann.send_dm("One?")
        await on.ann.send_dm("Two?")
        direct = on.ann.user.dm_channel
        assert on.texts(direct) == [ANSWER, ANSWER]
        assert on.turns() == (
            ("user", "One?"), ("assistant", "Hello there"), ("user", "Two?"),
        )  # fmt: skip


async def test_in_a_thread_it_was_called_into_it_stays(tmp_path):
    async with stage(tmp_path, message_content=True) as on:
        thread = on.thread()
        await on.ann.send(thread, "Before.")
        assert on.shown(thread) == []
        await on.ann.send(thread, f"{on.mention} One?")
        await on.bob.send(thread, "Two?")
        assert on.texts(thread) == [ANSWER, ANSWER]
        assert on.turns() == (
            ("user", "ann: Before.\nann: One?"),
            ("assistant", "Hello there"),
            ("user", "bob: Two?"),
        )
        await on.bob.send(on.channel, "Elsewhere.")
        assert on.shown() == []


async def test_an_always_channel_is_one_conversation(tmp_path):
    async with stage(tmp_path, message_content=True) as on:
        await on.store.set_setting("channel", str(on.channel.id), SettingKey.ALWAYS, YES)
        await on.ann.send(on.channel, "One?")
        await on.ann.send(on.channel, "Two?")
        assert on.texts() == [ANSWER, ANSWER]
        assert len(on.turns()) == 3
        await on.ann.send(on.channel, "@everyone lunch")
        assert len(on.shown()) == 2


async def test_a_reply_to_it_goes_on_with_that_conversation(tmp_path):
    async with stage(tmp_path) as on:
        await on.ann.send(on.channel, f"{on.mention} One?")
        await on.ann.send(on.channel, f"{on.mention} Two?", reply_to=on.shown()[0])
        assert on.turns() == (
            ("user", "One?"), ("assistant", "Hello there"), ("user", "Two?"),
        )  # fmt: skip
        await on.ann.send(on.channel, f"{on.mention} Three?", reply_to=on.shown()[1])
        assert len(on.turns()) == 5


async def test_a_reply_without_a_ping_cannot_be_read_without_the_intent(tmp_path):
    async with stage(tmp_path) as on:
        await on.ann.send(on.channel, f"{on.mention} One?")
        await on.ann.send(on.channel, "", reply_to=on.shown()[0], attachments=[("a.bin", b"x")])
        assert on.texts()[-1] == phrases.NO_IMAGES


async def test_a_chain_names_its_speakers_and_respects_edits_and_deletions(tmp_path):
    async with stage(tmp_path, message_content=True) as on:
        first = await on.ann.send(on.channel, "Cats are liquid.")
        second = await on.bob.send(on.channel, "No.", reply_to=first)
        await on.ann.send(on.channel, f"{on.mention} Who is right?", reply_to=second)
        assert on.turns() == (
            ("user", "ann: Cats are liquid.\nbob: No.\nann: Who is right?"),
        )  # fmt: skip
        await on.bob.edit(second, "Yes.")
        await on.ann.send(on.channel, f"{on.mention} And now?", reply_to=second)
        assert "bob: Yes." in on.turns()[0][1]
        await on.ann.delete(first)
        await on.ann.send(on.channel, f"{on.mention} And now?", reply_to=second)
        assert on.turns() == (("user", "bob: Yes.\nann: And now?"),)


async def test_a_persona_is_the_system_prompt_also_in_threads(tmp_path):
    async with stage(tmp_path) as on:
        await on.store.set_setting("channel", str(on.channel.id), SettingKey.PERSONA, "Be brief.")
        await on.ann.send(on.thread(), f"{on.mention} hi")
        assert on.turns()[0] == ("system", "Be brief.")


async def test_text_files_are_read_and_others_declined(tmp_path):
    async with stage(tmp_path) as on:
        files = [("notes.txt", b"buy milk"), ("cat.png", b"\x89PNG")]
        await on.ann.send(on.channel, f"{on.mention} what is this?", attachments=files)
        assert on.turns()[-1][1] == "what is this?\n\nnotes.txt:\nbuy milk\n[picture cat.png]"
        assert "I can't look at pictures" in on.texts()[0]
        await on.ann.send(on.channel, on.mention, attachments=[("cat.png", b"\x89PNG")])
        assert on.texts()[-1] == phrases.NO_IMAGES


async def test_too_much_is_refused_with_the_limits(tmp_path):
    async with stage(tmp_path, prompt_max_chars=20) as on:
        await on.ann.send(on.channel, f"{on.mention} {'long ' * 20}")
        assert "at most 20" in on.texts()[0]
        assert on.worker.calls == []


async def test_an_event_that_comes_twice_is_answered_once(tmp_path):
    async with stage(tmp_path) as on:
        message = await on.ann.send(on.channel, f"{on.mention} hi")
        on.bot.dispatch("message", message)
        await on.env.settle()
        assert len(on.shown()) == 1
        assert len(on.worker.calls) == 1


async def test_who_asks_too_much_at_once_hears_when_to_come_back(tmp_path):
    async with stage(tmp_path, running=False, settle_s=0.5, queue_per_user=1) as on:
        await on.pending(on.ann.send(on.channel, f"{on.mention} One?"))
        await on.pending(on.ann.send(on.channel, f"{on.mention} Two?"))
        assert "still busy" in on.texts()[-1]


async def test_who_takes_the_question_away_gets_no_answer(tmp_path):
    async with stage(tmp_path, ("Half", Hang()), settle_s=0.5) as on:
        message = on.ann.send(on.channel, f"{on.mention} hi")
        await on.pending(message)
        [asked] = [one for one in on.channel.history() if one.author.id == on.ann.id]
        await on.ann.delete(asked)
        assert on.texts() == []
        assert on.worker.open_streams == 0
        assert await on.store.unfinished() == []


async def test_a_broken_store_is_said(tmp_path, monkeypatch):
    async def fail(*_: object) -> None:
        raise StoreError("the disk is full")

    async with stage(tmp_path) as on:
        monkeypatch.setattr(on.store, "add_request", fail)
        await on.ann.send(on.channel, f"{on.mention} hi")
        assert on.texts() == [phrases.BROKEN]


async def test_a_remark_that_discord_refuses_is_no_error(tmp_path):
    async with stage(tmp_path) as on:
        on.env.inject_error("POST", "/channels/*/messages", status=403, code=50013)
        await on.ann.send(on.channel, on.mention)
        assert on.shown() == []


async def test_a_question_that_waits_is_asked_as_it_reads_now(tmp_path):
    async with stage(tmp_path, running=False, settle_s=0.5) as on:
        await on.pending(on.ann.send(on.channel, f"{on.mention} Is water wet?"))
        [asked] = [one for one in on.channel.history() if one.author.id == on.ann.id]
        await on.pending(on.ann.edit(asked, f"{on.mention} Is ice wet?"))
        [request] = await on.store.unfinished()
        assert (request.prompt, request.turns[-1].content) == ("Is ice wet?", "Is ice wet?")
        await on.pending(on.ann.edit(asked, on.mention))
        on.open()
        await on.bot.desk.close(LIMIT_S)
        assert on.turns() == (("user", "Is ice wet?"),)
        assert on.texts() == [ANSWER]


async def test_a_question_that_runs_stays_as_it_is(tmp_path):
    gate = asyncio.Event()
    async with stage(tmp_path, ("Half", gate), settle_s=0.5) as on:
        await on.pending(on.ann.send(on.channel, f"{on.mention} Is water wet?"))
        [asked] = [one for one in on.channel.history() if one.author.id == on.ann.id]
        await on.pending(on.ann.edit(asked, f"{on.mention} Is ice wet?"))
        gate.set()
        await on.env.settle(timeout=LIMIT_S)
        assert [call.turns[-1][1] for call in on.worker.calls] == ["Is water wet?"]


async def test_an_edit_that_cannot_be_taken_changes_nothing(tmp_path):
    async with stage(tmp_path, running=False, settle_s=0.5, prompt_max_chars=20) as on:
        await on.pending(on.ann.send(on.channel, f"{on.mention} Is water wet?"))
        [asked] = [one for one in on.channel.history() if one.author.id == on.ann.id]
        await on.pending(on.ann.edit(asked, f"{on.mention} {'too long ' * 9}"))
        [request] = await on.store.unfinished()
        assert request.prompt == "Is water wet?"


async def test_who_is_silenced_says_nothing(tmp_path):
    async with stage(tmp_path) as on:
        guild = on.bot.get_guild(on.guild.id)
        assert guild is not None
        member = guild.me
        member.timed_out_until = discord.utils.utcnow() + timedelta(hours=1)
        await on.ann.send(on.channel, f"{on.mention} hi")
        assert on.shown() == []


async def test_in_its_own_thread_it_listens(tmp_path):
    async with stage(tmp_path, message_content=True) as on:
        raw = on.env.backend.create_thread(on.channel.id, "mine", owner_id=on.me)
        thread = simcord.builders.ChannelHandle(on.env, on.guild, raw)
        await on.ann.send(thread, "hello")
        assert on.texts(thread) == [ANSWER]


def test_the_bots_role_calls_it_too():
    guild = SimpleNamespace(self_role=SimpleNamespace(id=9))
    message: Any = SimpleNamespace(guild=guild, mentions=[], role_mentions=[], channel_mentions=[])
    assert names_in(message, 5).ours == {5, 9}


async def test_remarks_and_other_bots_are_no_part_of_a_conversation(tmp_path):
    async with stage(tmp_path, message_content=True) as on:
        robot = on.guild.add_member(on.env.create_user("robot", bot=True))
        thread = on.thread()
        await robot.send(thread, "beep")
        await on.ann.send(thread, on.mention)
        await on.ann.send(thread, f"{on.mention} One?")
        assert on.turns() == (("user", "One?"),)


async def test_a_past_that_cannot_be_read_is_none(tmp_path):
    async with stage(tmp_path) as on:
        on.env.inject_error("GET", "/channels/*/messages", status=403, code=50001)
        await on.ann.send_dm("One?")
        assert on.turns() == (("user", "One?"),)


async def test_many_deleted_at_once(tmp_path):
    async with stage(tmp_path, ("Half", Hang()), settle_s=0.5) as on:
        await on.pending(on.ann.send(on.channel, f"{on.mention} hi"))
        [asked] = [one for one in on.channel.history() if one.author.id == on.ann.id]
        payload: Any = {"ids": [asked.id], "channel_id": on.channel.id}
        event = discord.RawBulkMessageDeleteEvent(payload)
        on.bot.dispatch("raw_bulk_message_delete", event)
        await on.env.settle()
        assert on.texts() == []


async def test_two_of_the_same_event_at_once_are_answered_once(tmp_path):
    async with stage(tmp_path, running=False, settle_s=0.5) as on:
        desk = on.bot.desk
        channel = on.bot.get_channel(on.channel.id)
        assert isinstance(channel, discord.TextChannel)
        person: Any = SimpleNamespace(id=on.ann.id, display_name="ann", roles=[])
        question = UserQuestion("discord:message:1:2", person, channel, "hi")
        outlets = FakeOutlet(), FakeOutlet()
        first, second = await asyncio.gather(*(desk.ask(question, one) for one in outlets))
        assert first is not None
        assert second is None
        assert await desk.ask(question, outlets[1]) is None, "it is being shown"
        first.stop()
        await desk.close(LIMIT_S)
        assert await desk.ask(question, outlets[1]) is None, "it was answered before"
        assert outlets[1].calls == []


async def test_a_delivery_that_breaks_is_logged_and_over(tmp_path, caplog):
    async with stage(tmp_path) as on:
        outlet = FakeOutlet()
        outlet.failures.append(RuntimeError("a bug"))
        ask = Ask("k", "discord:5", "discord", "1", "ann", "hi")
        on.bot.desk.show(await on.chat.submit(ask), outlet)
        await on.bot.desk.close(LIMIT_S)
        assert on.bot.desk.about("k") == []
    assert "could not be shown" in caplog.text
