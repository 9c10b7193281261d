"""`/ask`, `/reset` and “Ask about this”."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from discord import AppCommandType

from bot.discord import phrases
from bot.discord.answer.interaction_outlet import InteractionOutlet
from bot.errors import UserError
from model.errors import WorkerDied
from tests.bot.discord.stage import LIMIT_S, stage

EPHEMERAL = 64
ANSWER = "Hello there\n-# tuned"


async def test_ask_defers_and_fills_the_answer_in(tmp_path):
    async with stage(tmp_path) as on:
        result = await on.ann.slash(on.channel, "ask", prompt="Is water wet?")
        [callback] = [one for one in on.env.http_requests if one.path.endswith("/callback")]
        assert callback.json is not None
        assert callback.json["type"] == 5, "deferred at once"
        assert not result.ephemeral
        assert on.texts() == [ANSWER]
        assert on.turns() == (("user", "Is water wet?"),)
        assert len(on.shown()[0].reactions) == 4


async def test_ask_names_a_variant(tmp_path):
    async with stage(tmp_path) as on:
        await on.ann.slash(on.channel, "ask", prompt="hi", variant="base")
        assert on.worker.calls[0].variant == "base"
        assert on.texts()[0].endswith("-# base")


async def test_a_refusal_is_for_the_asker_alone(tmp_path):
    async with stage(tmp_path) as on:
        result = await on.ann.slash(on.channel, "ask", prompt="hi", variant="nope")
        [refusal] = result.followups
        assert "I don't know the model 'nope'" in refusal.content
        assert refusal.ephemeral
        assert on.texts() == [], "nobody else sees anything"


async def test_the_variants_are_offered(tmp_path):
    async with stage(tmp_path) as on:
        offered = await on.ann.autocomplete(on.channel, "ask", "variant", "tu", prompt="hi")
        assert [choice["value"] for choice in offered] == ["tuned"]


async def test_a_long_answer_goes_on_in_follow_ups(tmp_path):
    async with stage(tmp_path, ("a sentence. " * 500,)) as on:
        result = await on.ann.slash(on.channel, "ask", prompt="hi")
        assert len(result.followups) == 3
        joined = "".join(on.texts()).removesuffix("\n-# tuned")
        assert joined.replace(" ", "") == "asentence." * 500


async def test_in_a_thread_ask_knows_the_past(tmp_path):
    async with stage(tmp_path) as on:
        thread = on.thread()
        await on.ann.slash(thread, "ask", prompt="One?")
        await on.ann.slash(thread, "ask", prompt="Two?")
        assert on.turns() == (
            ("user", "One?"), ("assistant", "Hello there"), ("user", "Two?"),
        )  # fmt: skip


async def test_an_answer_outlives_its_token(tmp_path, monkeypatch):
    gate = asyncio.Event()
    async with stage(tmp_path, ("Hel", gate, "lo " * 1000), settle_s=0.5) as on:
        await on.pending(on.ann.slash(on.channel, "ask", prompt="hi"))
        assert on.texts()[0].startswith("Hel")
        monkeypatch.setattr(InteractionOutlet, "_may_use_token", False)
        under_token = [one for one in on.env.http_requests if one.path.startswith("/webhooks")]
        gate.set()
        await on.env.settle(timeout=LIMIT_S)
        later = [one for one in on.env.http_requests if one.path.startswith("/webhooks")]
        assert later == under_token, "nothing is tried under a token that has ended"
        assert len(on.shown()) == 2, "the first message was edited, the second sent, without it"
        assert on.texts()[-1].endswith("-# tuned")


async def test_what_discord_refuses_under_the_token_goes_the_ordinary_way(tmp_path):
    async with stage(tmp_path) as on:
        on.env.inject_error("PATCH", "/webhooks/*", status=404, code=10015, times=None)
        await on.ann.slash(on.channel, "ask", prompt="hi")
        assert ANSWER in on.texts()


async def test_a_message_can_be_asked_about(tmp_path):
    async with stage(tmp_path) as on:
        said = await on.bob.send(on.channel, "Cats are liquid.")
        await on.ann.context_menu(on.channel, "Ask about this", said)
        assert on.turns() == (
            ("user", f"bob: Cats are liquid.\nann: {phrases.ABOUT_PROMPT}"),
        )  # fmt: skip
        assert on.texts() == [ANSWER]


async def test_what_cannot_be_read_cannot_be_asked_about(tmp_path):
    async with stage(tmp_path) as on:
        said = await on.bob.send(on.channel, "", attachments=[("cat.png", b"\x89PNG")])
        result = await on.ann.context_menu(on.channel, "Ask about this", said)
        assert result.ephemeral
        assert result.response.content == phrases.NO_IMAGES


async def test_an_answer_can_be_asked_about(tmp_path):
    async with stage(tmp_path) as on:
        await on.ann.slash(on.channel, "ask", prompt="hi")
        await on.bob.context_menu(on.channel, "Ask about this", on.shown()[0])
        assert on.turns()[-1][1] == f"bob: {phrases.ABOUT_PROMPT}"
        assert ("assistant", "Hello there") in on.turns()


async def test_reset_draws_a_line(tmp_path):
    async with stage(tmp_path) as on:
        direct = on.ann.user.dm_channel
        await on.ann.send_dm("One?")
        await on.ann.user.slash("reset")
        assert on.texts(direct)[-1] == phrases.RESET_DONE
        await on.ann.send_dm("Two?")
        assert on.turns() == (("user", "Two?"),)


async def test_reset_ends_reply_chains_too(tmp_path):
    async with stage(tmp_path) as on:
        await on.ann.send(on.channel, f"{on.mention} One?")
        answer = on.shown()[0]
        await on.ann.slash(on.channel, "reset")
        await on.ann.send(on.channel, f"{on.mention} Two?", reply_to=answer)
        assert on.turns() == (("user", "Two?"),)


@pytest.mark.parametrize("limit", [{"queue_max": 1}, {"queue_per_user": 1}])
async def test_a_full_queue_is_said_with_the_time_to_try_again(tmp_path, limit):
    async with stage(tmp_path, running=False, settle_s=0.5, **limit) as on:
        await on.pending(on.ann.slash(on.channel, "ask", prompt="One?"))
        await on.pending(on.ann.slash(on.channel, "ask", prompt="Two?"))
        told = on.env.http_requests[-1].json
        assert told is not None
        assert "try again in about" in told["content"]
        assert told["flags"] == EPHEMERAL


async def test_another_bots_message_can_be_asked_about(tmp_path):
    async with stage(tmp_path) as on:
        robot = on.guild.add_member(on.env.create_user("robot", bot=True))
        said = await robot.send(on.channel, "beep")
        await on.ann.context_menu(on.channel, "Ask about this", said)
        assert on.turns()[0][1].startswith("robot: beep")


async def test_an_interaction_without_a_place_is_refused(tmp_path):
    class Response:
        async def defer(self, *, thinking: bool) -> None:
            assert thinking

    async with stage(tmp_path) as on:
        cog: Any = on.bot.get_cog("AskCommands")
        nowhere = SimpleNamespace(channel=None, response=Response(), extras={})
        with pytest.raises(UserError):
            await cog.reset.callback(cog, nowhere)
        with pytest.raises(UserError):
            await cog.ask.callback(cog, nowhere, "hi")


async def test_a_cog_leaves_without_a_trace(tmp_path):
    async with stage(tmp_path) as on:
        await on.bot.remove_cog("AskCommands")
        assert [menu.name for menu in on.bot.tree.get_commands(type=AppCommandType.message)] == []


async def test_a_text_that_shrinks_after_a_breakdown_takes_its_follow_ups_away(tmp_path):
    gate = asyncio.Event()
    plays = ("a sentence. " * 300, gate, WorkerDied("gone")), ("Short.",)
    async with stage(tmp_path, *plays, settle_s=0.5) as on:
        await on.pending(on.ann.slash(on.channel, "ask", prompt="hi"))
        assert len(on.shown()) == 2
        gate.set()
        await on.env.settle(timeout=LIMIT_S)
        assert on.texts() == ["Short.\n-# tuned"]


async def test_a_refusal_that_is_not_the_tokens_end_loses_nothing_it_could_show(tmp_path):
    async with stage(tmp_path) as on:
        on.env.inject_error("PATCH", "/webhooks/*", status=403, code=50013, times=None)
        await on.ann.slash(on.channel, "ask", prompt="hi")
        assert on.worker.calls
        assert "Hello" not in "".join(on.texts())
