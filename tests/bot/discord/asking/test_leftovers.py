"""What a stopped or killed bot leaves, and what the next one makes of it."""

from dataclasses import replace

from bot.chat.events import Ask, Started
from bot.discord.asking.leftovers import outlet_of
from bot.discord.identity import FRONT_END
from data.records import RequestMessage, RequestState
from tests.bot.discord.stage import stage
from tests.fakes.worker import Hang


async def test_killed_in_the_middle_it_goes_on_in_the_same_message(tmp_path):
    async with stage(tmp_path, ("Half", Hang()), ("Whole",), settle_s=0.5) as on:
        await on.pending(on.ann.send(on.channel, f"{on.mention} hi"))
        assert on.texts() == ["Half"]
        await on.restart()
        await on.env.settle()
        assert on.texts() == ["Whole\n-# tuned"]


async def test_a_graceful_stop_marks_the_message_and_the_next_start_fills_it(tmp_path):
    async with stage(tmp_path, ("Half", Hang()), ("Whole",), settle_s=0.5) as on:
        await on.pending(on.ann.send(on.channel, f"{on.mention} hi"))
        await on.chat.aclose(0)
        await on.env.settle()
        assert on.texts() == ["-# 💤 I am going to sleep now and will answer this when I am back."]
        await on.restart(killed=False)
        await on.env.settle()
        assert on.texts() == ["Whole\n-# tuned"]


async def test_an_answer_that_was_never_shown_is_shown(tmp_path):
    async with stage(tmp_path) as on:
        asked = await on.ann.send(on.channel, f"{on.mention} hi")
        shown = on.shown()[0]
        answer = await on.store.answer_by_message(FRONT_END, str(shown.id))
        assert answer is not None
        on.execute("DELETE FROM answer_messages")
        message = RequestMessage(str(on.channel.id), str(shown.id), 0)
        await on.store.add_request_message(answer.request_id, FRONT_END, message)
        on.env.backend.edit_message(on.channel.id, shown.id, {"content": "Hel"})
        await on.restart()
        await on.env.settle()
        assert on.texts() == ["Hello there\n-# tuned"]
        assert await on.store.answer_by_message(FRONT_END, str(shown.id)) == answer
        assert asked.id != shown.id


async def test_an_answer_without_any_message_gets_one(tmp_path):
    async with stage(tmp_path) as on:
        asked = await on.ann.send(on.channel, f"{on.mention} hi")
        on.env.backend.delete_message(on.channel.id, on.shown()[0].id)
        on.execute("DELETE FROM answer_messages")
        await on.restart()
        await on.env.settle()
        [message] = on.shown()
        assert message.content == "Hello there\n-# tuned"
        assert message.reference is not None
        assert message.reference.message_id == asked.id


async def test_an_end_that_nobody_heard_of_is_told(tmp_path):
    async with stage(tmp_path, ("Half", Hang()), settle_s=0.5) as on:
        await on.pending(on.ann.send(on.channel, f"{on.mention} hi"))
        await on.bot.desk.close(0)
        [request] = await on.store.unfinished()
        await on.store.end(request.id, RequestState.FAILED, "It broke.")
        await on.restart()
        await on.env.settle()
        assert on.texts() == ["⚠️ It broke."]


async def test_what_a_command_asked_says_who_asked_it(tmp_path):
    async with stage(tmp_path, ("Half", Hang()), ("Whole",), settle_s=0.5) as on:
        await on.pending(on.ann.slash(on.channel, "ask", prompt="hi"))
        await on.restart()
        await on.env.settle()
        assert on.texts() == ["Whole\n-# ann asked this before I was restarted.\n-# tuned"]


async def test_what_was_asked_elsewhere_is_left_to_its_front_end(tmp_path):
    async with stage(tmp_path, (Hang(),), ("Whole",), settle_s=0.5) as on:
        ask = Ask("k", "terminal", "terminal", "me", "me", "hi")
        ticket = await on.chat.submit(ask)
        async for event in ticket.events():
            if isinstance(event, Started):
                break
        await on.restart()
        await on.env.settle()
        assert on.bot.desk.about("k") == []
        odd = replace(ask, source_key="k2", front_end=FRONT_END)
        ticket = await on.chat.submit(odd)
        assert outlet_of(on.bot, ticket.request) is None
