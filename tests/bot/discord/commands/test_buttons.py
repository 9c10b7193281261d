"""The buttons under an answer."""

import asyncio

import discord
import pytest

from bot.discord import phrases
from bot.discord.commands.buttons import next_variant
from bot.errors import UserError
from data.errors import StoreError
from tests.bot.discord.stage import LIMIT_S, stage
from tests.fakes.worker import Hang


def assert_told_alone(result, text: str) -> None:
    """Only who pressed sees `text`, though the answer would have been for everybody."""
    [refusal] = result.followups
    assert (refusal.content, refusal.ephemeral) == (text, True)


async def test_again_asks_the_same_and_keeps_the_first(tmp_path):
    async with stage(tmp_path, ("One",), ("Two",)) as on:
        await on.ann.send(on.channel, f"{on.mention} Is water wet?")
        await on.bob.click(on.shown()[0], label="Again")
        assert on.texts() == ["One\n-# tuned", "Two\n-# tuned"]
        assert on.turns(0) == on.turns(1)
        assert [call.variant for call in on.worker.calls] == ["tuned", "tuned"]
        second = await on.store.request(2)
        assert (second.user_name, second.prompt) == ("bob", "Is water wet?")


async def test_the_other_model_gets_the_same_conversation(tmp_path):
    async with stage(tmp_path) as on:
        await on.ann.send_dm("One?")
        await on.ann.send_dm("Two?")
        direct = on.ann.user.dm_channel
        await on.ann.user.click(on.shown(direct)[-1], label="Other model")
        assert on.worker.calls[-1].variant == "base"
        assert on.turns() == on.turns(1)
        assert on.texts(direct)[-1] == "Hello there\n-# base"
        await on.ann.user.click(on.shown(direct)[-1], label="Other model")
        assert on.worker.calls[-1].variant == "tuned"


async def test_buttons_work_after_a_restart(tmp_path):
    async with stage(tmp_path) as on:
        await on.ann.send(on.channel, f"{on.mention} hi")
        await on.restart()
        await on.ann.click(on.shown()[0], label="Again")
        assert len(on.shown()) == 2


async def test_who_asked_can_stop_it_and_the_text_stays(tmp_path):
    async with stage(tmp_path, ("Half", Hang()), settle_s=0.5) as on:
        await on.pending(on.ann.send(on.channel, f"{on.mention} hi"))
        await on.pending(on.bob.click(on.shown()[0], label="Stop"))
        assert on.worker.open_streams == 1, "others cannot stop it"
        await on.ann.click(on.shown()[0], label="Stop")
        assert on.texts() == ["Half\n-# tuned · stopped"]
        assert on.worker.open_streams == 0


async def test_a_moderator_can_stop_it(tmp_path):
    async with stage(tmp_path, ("Half", Hang()), settle_s=0.5) as on:
        mods = on.guild.create_role("Mods", permissions=discord.Permissions(manage_messages=True))
        mod = on.guild.add_member(on.env.create_user("mod"), roles=[mods])
        await on.pending(on.ann.send(on.channel, f"{on.mention} hi"))
        await mod.click(on.shown()[0], label="Stop")
        assert on.texts() == ["Half\n-# tuned · stopped"]


async def test_what_has_ended_cannot_be_stopped(tmp_path):
    gate = asyncio.Event()
    async with stage(tmp_path, ("Half", gate), settle_s=0.5) as on:
        await on.pending(on.ann.send(on.channel, f"{on.mention} hi"))
        message = on.shown()[0]
        [row] = message.components
        assert isinstance(row, discord.ActionRow)
        [stop] = row.children
        gate.set()
        await on.env.settle(timeout=LIMIT_S)
        raw = on.env.backend.get_message(message.channel.id, message.id)
        raw.components = [{"type": 1, "components": [stop.to_dict()]}]
        result = await on.ann.click(on.shown()[0], label="Stop")
        assert result.ephemeral
        assert result.response.content == phrases.ENDED_ALREADY


async def test_what_was_forgotten_is_not_asked_again(tmp_path):
    async with stage(tmp_path) as on:
        await on.ann.send(on.channel, f"{on.mention} hi")
        await on.store.forget(str(on.ann.id))
        result = await on.bob.click(on.shown()[0], label="Again")
        assert_told_alone(result, phrases.GONE)


async def test_an_unknown_answer_is_said(tmp_path):
    async with stage(tmp_path) as on:
        await on.ann.send(on.channel, f"{on.mention} hi")
        message = on.shown()[0]
        raw = on.env.backend.get_message(message.channel.id, message.id)
        raw.components[0]["components"][0]["custom_id"] = "fungpt:again:999"
        result = await on.bob.click(on.shown()[0], label="Again")
        assert_told_alone(result, phrases.GONE)


async def test_where_there_is_one_model_there_is_no_other(tmp_path):
    async with stage(tmp_path, default_variant="base") as on:
        on.worker.variants = ("base",)
        await on.ann.send(on.channel, f"{on.mention} hi")
        result = await on.bob.click(on.shown()[0], label="Other model")
        assert_told_alone(result, phrases.NO_OTHER)


def test_the_other_model_goes_round():
    assert next_variant(["base", "tuned"], "tuned") == "base"
    assert next_variant(["base", "a", "b"], "a") == "b"
    assert next_variant(["base", "a", "b"], "b") == "base"
    assert next_variant(["base", "a"], "gone") == "base"
    with pytest.raises(UserError):
        next_variant(["base"], "base")


async def test_a_broken_store_is_said(tmp_path, monkeypatch):
    async def fail(*_: object) -> None:
        raise StoreError("the disk is full")

    async with stage(tmp_path) as on:
        await on.ann.send(on.channel, f"{on.mention} hi")
        monkeypatch.setattr(on.store, "answer_for", fail)
        result = await on.bob.click(on.shown()[0], label="Again")
        assert_told_alone(result, phrases.BROKEN)


async def test_a_press_that_discord_does_not_take_is_no_error(tmp_path):
    async with stage(tmp_path) as on:
        await on.ann.send(on.channel, f"{on.mention} hi")
        on.env.inject_error("POST", "/interactions/*/callback", status=404, code=10062)
        await on.bob.click(on.shown()[0], label="Again")
        assert len(on.worker.calls) == 1
