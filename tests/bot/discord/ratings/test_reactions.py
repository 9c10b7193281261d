import asyncio
import logging
from typing import Any

import discord
import pytest

from bot.discord.ratings import offer as rating_offer
from bot.discord.ratings.offer import EarlyReactions, RatingOffer
from bot.discord.ratings.reactions import RatingReactions
from data.errors import StoreLocked
from data.records import PersonalData, RatingKind, Reaction
from tests.bot.discord.scene import only, scene, stage_of

GOOD, BAD, FUNNY, ROBOTIC = RatingKind
KITTEN = "<:kitten:123456789012345678>"
stage = stage_of(only(RatingReactions))


@pytest.fixture
def offer(stage):
    return RatingOffer(stage.bot.services.settings.emoji, stage.parts.early)


async def kinds(stage, answer, person=None):
    wanted = str((person or stage.bob).id)
    return {one.kind for one in await stage.store.ratings(answer.id) if one.user_id == wanted}


async def emit(stage, event, message, emoji=None, *, person=None, **more):
    """An event as Discord sends it, where simcord has no verb for it."""
    payload = {"channel_id": str(message.channel.id), "message_id": str(message.id), **more}
    if emoji is not None:
        custom = isinstance(emoji, dict)
        payload["emoji"] = emoji if custom else {"id": None, "name": emoji}
    if person is not None:
        payload |= {"user_id": str(person.id), "type": int(more.get("burst", False))}
    stage.env.backend.emit(f"MESSAGE_REACTION_{event}", payload)
    await stage.env.settle()


async def test_reactions_become_ratings_and_go_with_them(stage):
    answer, [message] = await stage.answered()
    for emoji in ("👍", "😂", "🤖", "🍕"):
        await stage.bob.react(message, emoji)
    await stage.ann.react(message, "👎")
    assert await kinds(stage, answer) == {GOOD, FUNNY, ROBOTIC}
    assert await kinds(stage, answer, stage.ann) == {BAD}
    for emoji in ("😂", "🍕"):
        await stage.bob.unreact(message, emoji)
    assert await kinds(stage, answer) == {GOOD, ROBOTIC}


async def test_the_later_of_two_verdicts_counts(stage):
    answer, [message] = await stage.answered()
    await stage.bob.react(message, "👍")
    await stage.bob.react(message, "👎")
    assert await kinds(stage, answer) == {BAD}
    await stage.bob.unreact(message, "👎")
    assert await kinds(stage, answer) == {GOOD}, "that reaction still stands"


async def test_a_split_answer_is_one(stage):
    answer, [first, second, third] = await stage.answered(parts=3)
    await stage.bob.react(first, "👍")
    await stage.bob.react(third, "👍")
    assert len(await stage.store.ratings(answer.id)) == 1
    await stage.bob.unreact(first, "👍")
    assert await kinds(stage, answer) == {GOOD}
    await stage.bob.react(second, "👎")
    assert await kinds(stage, answer) == {BAD}


@pytest.mark.parametrize("emoji", ["👍🏻", "👍🏿", "👍\ufe0f"])
async def test_skin_tones_are_the_same_kind(stage, emoji):
    answer, [message] = await stage.answered()
    await stage.bob.react(message, emoji)
    assert await kinds(stage, answer) == {GOOD}
    await stage.bob.unreact(message, emoji)
    assert await kinds(stage, answer) == set()


async def test_a_super_reaction_is_the_same_kind_and_stands_for_itself(stage):
    answer, [message] = await stage.answered()
    await stage.bob.react(message, "👍")
    await emit(stage, "ADD", message, "👍", person=stage.bob, burst=True)
    assert len(await stage.store.ratings(answer.id)) == 1
    await stage.bob.unreact(message, "👍")
    assert await kinds(stage, answer) == {GOOD}
    await emit(stage, "REMOVE", message, "👍", person=stage.bob, burst=True)
    assert await kinds(stage, answer) == set()


async def test_bots_and_the_bot_itself_do_not_rate(stage, offer):
    answer, [message] = await stage.answered()
    await stage.robot.react(message, "👍")
    await offer(stage.partial(message))
    assert await stage.store.ratings(answer.id) == []
    stored = stage.env.backend.get_message(message.channel.id, message.id)
    assert [one.emoji for one in stored.reactions] == ["👍", "👎", "😂", "🤖"]


async def test_other_peoples_messages_are_no_answers(stage):
    message = await stage.ann.send(stage.channel, "hello")
    await emit(stage, "ADD", message, "👍", person=stage.bob, message_author_id=str(stage.ann.id))
    await stage.bob.react(message, "👍")
    assert await stage.store.personal_data(str(stage.bob.id)) == _nothing(stage.bob)
    await stage.bob.unreact(message, "👍")
    await emit(stage, "ADD", message, "👍", person=stage.bob, message_author_id=str(stage.ann.id))
    answer, _ = await stage.answered()
    await stage.shown_in(answer, message)
    await stage.parts.early.take()
    assert await stage.store.ratings(answer.id) == [], "it is not even waited for"


async def test_own_votes_are_told_apart_in_the_figures(stage):
    _, [message] = await stage.answered(stage.bob)
    await stage.bob.react(message, "👍")
    await stage.ann.react(message, "👍")
    [tally] = await stage.store.tallies()
    assert (tally.counts[GOOD], tally.by_askers[GOOD]) == (2, 1)


async def test_a_moderator_clears_everything_or_one_emoji(stage):
    answer, [message, part] = await stage.answered(parts=2)
    for emoji in ("👍", "😂"):
        await stage.bob.react(message, emoji)
        await stage.ann.react(message, emoji)
    await stage.ann.react(part, "😂")
    stage.env.backend.clear_reaction(message.channel.id, message.id, "👍")
    await stage.env.settle()
    assert await kinds(stage, answer) == {FUNNY}
    stage.env.backend.clear_reactions(message.channel.id, message.id)
    await stage.env.settle()
    assert await kinds(stage, answer) == set()
    assert await kinds(stage, answer, stage.ann) == {FUNNY}


async def test_a_message_that_is_deleted_takes_no_rating_along(stage):
    answer, [message] = await stage.answered()
    await stage.bob.react(message, "👍")
    stage.env.backend.delete_message(message.channel.id, message.id)
    await stage.env.settle()
    assert await kinds(stage, answer) == {GOOD}


async def test_in_a_dm_too(stage, offer):
    answer, [message] = await stage.answered(channel=stage.bob.user.dm_channel)
    await offer(stage.partial(message))
    assert await stage.store.ratings(answer.id) == []
    await stage.bob.user.set_reaction(message, "😂", reacted=True)
    assert await kinds(stage, answer) == {FUNNY}


async def test_the_emoji_are_the_deployments_own(tmp_path):
    emoji = f"good={KITTEN},funny=🎉"
    async with scene(tmp_path, only(RatingReactions), rating_emoji=emoji) as stage:
        answer, [message] = await stage.answered()
        for reaction in ("👍", "🎉"):
            await stage.bob.react(message, reaction)
        kitten = {"id": "123456789012345678", "name": "kitten"}
        await emit(stage, "ADD", message, person=stage.bob, emoji=kitten)
        assert await kinds(stage, answer) == {GOOD, FUNNY}
        await emit(stage, "REMOVE_EMOJI", message, emoji=kitten | {"name": None})
        assert await kinds(stage, answer) == {FUNNY}


async def test_who_reacts_before_the_answer_is_stored_is_not_lost(stage, offer):
    raw = stage.env.backend.create_message(stage.channel.id, stage.env.backend.bot_user.id, "Hel")
    message = stage.bot.get_channel(stage.channel.id).get_partial_message(raw.id)
    for emoji in ("👍", "😂", "🤖"):
        await emit(stage, "ADD", message, emoji, person=stage.bob)
    await emit(stage, "REMOVE", message, "😂", person=stage.bob)
    await emit(stage, "REMOVE_EMOJI", message, "🤖")
    answer, _ = await stage.answered()
    await stage.shown_in(answer, message)
    await offer(stage.partial(message))
    assert await kinds(stage, answer) == {GOOD}


async def test_early_reactions_are_bounded(stage, monkeypatch):
    monkeypatch.setattr(rating_offer, "MOST_EARLY", 2)
    early = EarlyReactions(stage.store)
    answer, _ = await stage.answered()
    messages = [await stage.ann.send(stage.channel, str(number)) for number in range(4)]
    for message in messages:
        await early.add(Reaction(str(message.id), "1", "👍", GOOD))
    await stage.shown_in(answer, *messages)
    await early.take()
    kept = {one.message_id for one in await stage.store.reactions(answer.id)}
    assert kept == {str(message.id) for message in messages[2:]}


@pytest.mark.parametrize("status", [403, 404, 400])
async def test_where_discord_takes_no_reaction_nothing_fails(stage, offer, status, caplog):
    _, [message] = await stage.answered()
    stage.env.inject_error("PUT", "/channels/*/reactions/*", status=status, code=90001)
    with caplog.at_level(logging.INFO):
        await offer(stage.partial(message))
    assert "90001" in caplog.text


async def test_a_reaction_that_cannot_be_stored_is_logged(stage, monkeypatch, caplog):
    _, [message] = await stage.answered()

    async def locked(*_values, **_more):
        raise StoreLocked("the database is locked")

    for name in ("react", "unreact", "clear_reactions"):
        monkeypatch.setattr(stage.store, name, locked)
    await stage.bob.react(message, "👍")
    await stage.bob.unreact(message, "👍")
    await emit(stage, "REMOVE_ALL", message)
    assert caplog.text.count("the database is locked") == 3


async def test_a_crowd_at_once(stage):
    answer, [message] = await stage.answered()
    cog = stage.cog(RatingReactions)
    emoji = discord.PartialEmoji(name="👍")

    def event(person):
        data: Any = {"message_id": message.id, "channel_id": 1, "user_id": person, "type": 0}
        return discord.RawReactionActionEvent(data, emoji, "REACTION_ADD")

    await asyncio.gather(*(cog.on_raw_reaction_add(event(person % 50)) for person in range(200)))
    assert len(await stage.store.ratings(answer.id)) == 50


def _nothing(person):
    return PersonalData(str(person.id), [], [], [], [])
