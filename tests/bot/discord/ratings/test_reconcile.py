import asyncio
from collections.abc import Iterable
from typing import Any

import aiohttp
import discord
import pytest
from simcord.backend.models import Reaction as Left

from bot.discord.ratings import reconcile as module
from bot.discord.ratings.reactions import RatingReactions
from bot.discord.ratings.reconcile import Reconcile, SeenReactions
from bot.ratings.emoji import DEFAULT, RatingEmoji
from data.errors import StoreLocked
from data.records import RatingKind, Reaction
from tests.bot.discord.scene import only, scene, stage_of

GOOD, BAD, FUNNY, ROBOTIC = RatingKind


BOTH = only(RatingReactions, Reconcile)
stage = stage_of(BOTH)


def away(stage, message, emoji: str, people: Iterable) -> None:
    """Leave these people's reactions on a message without an event."""
    stored = stage.env.backend.get_message(message.channel.id, message.id)
    stored.reactions = [one for one in stored.reactions if one.emoji != emoji]
    if ids := [person.id for person in people]:
        stored.reactions.append(Left(emoji=emoji, user_ids=ids))


async def again(stage) -> int:
    """Let a new session begin; gives how many changes were stored."""
    cog, changes = stage.cog(Reconcile), asyncio.Queue()
    reconcile = cog.reconcile

    async def noting():
        changes.put_nowait(await reconcile())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cog, "reconcile", noting)
        stage.bot.dispatch("ready")
        async with asyncio.timeout(5):
            return await changes.get()


async def kinds(stage, answer, person=None):
    wanted = str((person or stage.bob).id)
    return {one.kind for one in await stage.store.ratings(answer.id) if one.user_id == wanted}


async def test_what_came_and_went_while_away_is_read_at_the_start(stage):
    answer, [first, second] = await stage.answered(parts=2)
    await stage.bob.react(first, "👍")
    await stage.ann.react(second, "🤖")
    away(stage, first, "👍", [])
    away(stage, first, "👎", [stage.bob, stage.robot])
    away(stage, second, "🤖", [])
    away(stage, second, "😂", [stage.ann])
    away(stage, second, "🍕", [stage.bob])
    await stage.env.restart_bot(stage.fresh())
    assert await kinds(stage, answer) == {BAD}
    assert await kinds(stage, answer, stage.ann) == {FUNNY}
    assert len(await stage.store.ratings(answer.id)) == 2


async def test_nothing_new_is_no_change(stage):
    answer, [message] = await stage.answered()
    await stage.bob.react(message, "👍🏿")
    before = await stage.store.ratings(answer.id)
    assert await again(stage) == 0
    assert await stage.store.ratings(answer.id) == before


async def test_a_verdict_added_while_away_is_the_later_one(stage):
    answer, [message] = await stage.answered()
    await stage.bob.react(message, "👎")
    away(stage, message, "👍🏻", [stage.bob])
    assert await again(stage) == 1
    assert await kinds(stage, answer) == {GOOD}


async def test_of_both_verdicts_added_while_away_neither_counts_and_the_log_says_so(stage, caplog):
    answer, [first, second] = await stage.answered(parts=2)
    caplog.set_level("INFO")
    away(stage, first, "👍🏻", [stage.bob, stage.ann])
    away(stage, second, "👎", [stage.bob, stage.ann])
    away(stage, second, "😂", [stage.bob])
    assert await again(stage) == 5
    assert await kinds(stage, answer) == {FUNNY}
    assert await kinds(stage, answer, stage.ann) == set()
    assert f"Answer {answer.id}: 2 people gave 👍 and 👎" in caplog.text
    caplog.clear()
    assert await again(stage) == 0
    assert "gave 👍" not in caplog.text


async def test_of_a_message_that_is_gone_nothing_is_lost(stage):
    answer, [first, second] = await stage.answered(parts=2)
    other, [readable] = await stage.answered()
    await stage.bob.react(first, "👍")
    stage.env.backend.delete_message(first.channel.id, first.id)
    away(stage, second, "😂", [stage.bob])
    away(stage, readable, "😂", [stage.bob])
    await again(stage)
    assert await kinds(stage, answer) == {GOOD, FUNNY}
    assert await kinds(stage, other) == {FUNNY}


@pytest.mark.parametrize("status", [403, 404])
async def test_a_channel_that_is_closed_to_us_changes_nothing(stage, status):
    answer, [message] = await stage.answered()
    await stage.bob.react(message, "👍")
    away(stage, message, "👍", [])
    stage.env.inject_error("GET", "/channels/*/messages/*", status=status, times=None)
    assert await again(stage) == 0
    assert await kinds(stage, answer) == {GOOD}


async def test_the_newest_come_first_and_only_so_many(tmp_path):
    async with scene(tmp_path, BOTH, reconcile_answers=2) as stage:
        made = [await stage.answered() for _ in range(3)]
        for _, [message] in made:
            away(stage, message, "👍", [stage.bob])
        assert await again(stage) == 2
        assert [await kinds(stage, answer) for answer, _ in made] == [set(), {GOOD}, {GOOD}]
        asked = [r.path for r in stage.env.http_requests if r.path.count("/") == 4]
        assert [path.rpartition("/")[2] for path in asked[-2:]] == [
            str(made[2][1][0].id),
            str(made[1][1][0].id),
        ]


async def test_old_answers_are_left_alone(stage):
    answer, [message] = await stage.answered()
    await stage.store._connection.run("UPDATE answers SET created_at = '2001'")
    away(stage, message, "👍", [stage.bob])
    assert await again(stage) == 0
    assert await kinds(stage, answer) == set()


@pytest.mark.parametrize("failure", [OSError("reset"), aiohttp.ServerDisconnectedError()])
async def test_discord_is_left_alone_when_it_fails_again_and_again(stage, monkeypatch, failure):
    for _ in range(5):
        await stage.answered()
    calls = 0

    async def failing(_self, _channel, _message):
        nonlocal calls
        calls += 1
        raise failure

    monkeypatch.setattr(Reconcile, "look", failing)
    assert await again(stage) == 0
    assert calls == 3


async def test_single_failures_do_not_end_it(stage, monkeypatch):
    for _ in range(6):
        await stage.answered()
    calls = 0

    async def flaky(_self, _channel, _message):
        nonlocal calls
        calls += 1
        if calls % 3:
            raise OSError("connection reset")

    monkeypatch.setattr(Reconcile, "look", flaky)
    await again(stage)
    assert calls == 6


async def test_events_know_better_than_an_older_look(stage, monkeypatch):
    answer, [message] = await stage.answered()
    await stage.bob.react(message, "😂")
    ratings = stage.cog(RatingReactions)
    key = str(message.id)

    async def outdated(_self, _channel, _message):
        # Seen: ann's 👍, not bob's 😂. Meanwhile both changed: ann took it back, bob is back.
        await ratings.on_raw_reaction_remove(_event(message, stage.ann, "👍"))
        await ratings.on_raw_reaction_add(_event(message, stage.bob, "😂"))
        look = SeenReactions()
        look.there.append(Reaction(key, str(stage.ann.id), "👍", GOOD))
        return look

    monkeypatch.setattr(Reconcile, "look", outdated)
    assert await again(stage) == 0
    assert await kinds(stage, answer) == {FUNNY}
    assert await kinds(stage, answer, stage.ann) == set()


async def test_a_message_cleared_meanwhile_is_left_to_the_event(stage, monkeypatch):
    answer, [message] = await stage.answered()

    async def outdated(_self, _channel, _message):
        data: Any = {"message_id": message.id, "channel_id": message.channel.id}
        event = discord.RawReactionClearEvent(data)
        await stage.cog(RatingReactions).on_raw_reaction_clear(event)
        look = SeenReactions()
        look.there.append(Reaction(str(message.id), str(stage.ann.id), "👍", GOOD))
        return look

    monkeypatch.setattr(Reconcile, "look", outdated)
    assert await again(stage) == 0
    assert await kinds(stage, answer, stage.ann) == set()


async def test_super_reactions_are_asked_for_by_themselves(stage, monkeypatch):
    answer, [message] = await stage.answered()
    asked = []

    async def get_message(_channel, _message):
        data = {"emoji": {"id": None, "name": "👍"}, "count": 2, "me": True}
        return _payload(message) | {
            "reactions": [data | {"count_details": {"normal": 1, "burst": 1}, "me_burst": False}]
        }

    async def get_users(_channel, _message, _emoji, _limit, **more):
        asked.append(more["type"])
        return [_user(stage.bob)] if more["type"] == 1 else [_user(stage.ann)]

    monkeypatch.setattr(stage.bot.http, "get_message", get_message)
    monkeypatch.setattr(stage.bot.http, "get_reaction_users", get_users)
    await again(stage)
    assert asked == [1], "the only normal one is the bot's own"
    assert await stage.store.reactions(answer.id) == [
        Reaction(str(message.id), str(stage.bob.id), "👍", GOOD, is_super=True)
    ]


async def test_of_a_crowd_only_the_first_are_read_and_nobody_is_lost(stage, monkeypatch):
    monkeypatch.setattr(module, "MOST_PEOPLE", 1)

    async def get_users(_channel, _message, _emoji, limit, **_more):
        assert limit == 1
        return [_user(stage.ann)]

    monkeypatch.setattr(stage.bot.http, "get_reaction_users", get_users)
    answer, [message] = await stage.answered()
    await stage.bob.react(message, "👍")
    away(stage, message, "👍", [stage.ann, stage.bob])
    await again(stage)
    assert await kinds(stage, answer) == {GOOD}
    assert await kinds(stage, answer, stage.ann) == {GOOD}


def test_what_an_emoji_no_longer_means_is_not_missed():
    stored = [Reaction("1", "2", "🎉", FUNNY), Reaction("1", "2", "👍", GOOD)]
    assert SeenReactions().missing(stored, RatingEmoji.parse(DEFAULT)) == stored[1:]


async def test_a_new_session_reads_again_and_one_at_a_time(stage, monkeypatch, caplog):
    runs = []
    go_on, again_begun = asyncio.Event(), asyncio.Event()

    async def slow(_self):
        runs.append("begun")
        await go_on.wait()
        if len(runs) == 2:
            again_begun.set()
            raise StoreLocked("the database is locked")
        return 0

    monkeypatch.setattr(Reconcile, "reconcile", slow)
    cog = stage.cog(Reconcile)
    for _ in range(3):
        await cog.on_ready()
        await asyncio.sleep(0)
    assert runs == ["begun"]
    go_on.set()
    async with asyncio.timeout(5):
        await again_begun.wait()
    assert runs == ["begun", "begun"]
    assert "could not be reconciled" in caplog.text


async def test_the_end_does_not_wait_for_it(stage, monkeypatch):
    cancelled = []

    async def endless(_self):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    monkeypatch.setattr(Reconcile, "reconcile", endless)
    cog = stage.cog(Reconcile)
    await cog.on_ready()
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await cog.cog_unload()
    assert cancelled


def _event(message, person, emoji):
    data: Any = {
        "message_id": message.id, "channel_id": message.channel.id, "user_id": person.id, "type": 0,
    }  # fmt: skip
    partial = discord.PartialEmoji(name=emoji)
    return discord.RawReactionActionEvent(data, partial, "REACTION_ADD")


def _payload(message) -> dict:
    user = {"id": "1", "username": "fun", "discriminator": "0", "avatar": None}
    return {
        "id": str(message.id), "channel_id": str(message.channel.id), "author": user,
        "content": "", "timestamp": "2025-01-01T00:00:00+00:00", "edited_timestamp": None,
        "tts": False, "mention_everyone": False, "mentions": [], "mention_roles": [],
        "attachments": [], "embeds": [], "pinned": False, "type": 0, "components": [],
    }  # fmt: skip


def _user(person) -> dict:
    return {"id": str(person.id), "username": person.name, "discriminator": "0", "avatar": None}
