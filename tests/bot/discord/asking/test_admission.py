from dataclasses import replace
from types import SimpleNamespace

import discord
import pytest

from bot.discord.asking import membership
from bot.discord.asking.admission import NO_DIRECT, NO_SERVER, RESTRICTED, UNKNOWN, Admission
from bot.errors import AskedTooOften, NotAllowed, TooManyWaiting
from data.records import YES, SettingKey
from tests.bot.discord.scene import only, scene, stage_of
from tests.fakes.worker import FakeWorker, Hang, away

stage = stage_of(only())


@pytest.fixture
def time(stage):
    return stage.rig.time


@pytest.fixture
def admit(stage, time):
    admission = Admission(stage.bot, stage.bot.services, time.clock)

    async def ask(who="bob", variant=None, channel=None):
        """Admit an ask and store it, as the desk does."""
        actor = getattr(stage, who)
        place = stage.bot.get_channel((channel or stage.channel).id)
        person = await _member(stage, actor)
        permitted = await admission.admit(person, place, variant)
        await stage.answered(actor)
        return permitted

    return ask


@pytest.fixture
def directly(stage, time):
    """What a direct message's ask is admitted as; with another setting for who may."""

    async def ask(who="bob", variant=None, setting="members"):
        settings = stage.bot.services.settings.model_copy(update={"discord_direct": setting})
        services = replace(stage.bot.services, settings=settings)
        admission = Admission(stage.bot, services, time.clock)
        person = (
            who
            if isinstance(who, discord.User)
            else await stage.bot.fetch_user(getattr(stage, who).id)
        )
        return await admission.admit(person, discord.Object(5), variant)

    return ask


async def _member(stage, actor):
    """A member as it comes with a message: the bot keeps no list of members."""
    return await stage.bot.get_guild(stage.guild.id).fetch_member(actor.id)


async def set_rule(stage, key, value):
    await stage.store.set_setting("guild", str(stage.guild.id), key, value)


async def test_without_rules_everybody_is_admitted(admit):
    assert await admit() is None
    assert await admit(variant="tuned") == "tuned"


async def test_only_the_named_roles_and_the_managers_may_ask(stage, admit):
    role = stage.guild.create_role("Friends")
    await set_rule(stage, SettingKey.ALLOWED_ROLES, str(role.id))
    with pytest.raises(NotAllowed, match="only some roles"):
        await admit()
    assert await admit("ann") is None
    stage.env.backend.get_guild(stage.guild.id).members[stage.bob.id].role_ids.append(role.id)
    assert await admit() is None


async def test_the_hours_limit_slides_and_is_each_persons_own(stage, admit, time):
    await set_rule(stage, SettingKey.HOURLY_LIMIT, "2")
    await admit()
    time.advance(1000)
    await admit()
    with pytest.raises(AskedTooOften, match=r"2 times an hour.*43 minutes") as refused:
        await admit()
    assert refused.value.retry_after_s == pytest.approx(2600)
    for _ in range(3):
        assert await admit("ann") is None, "who manages the server has no limit"
    time.advance(2600)
    await admit()
    with pytest.raises(AskedTooOften):
        await admit()


async def test_a_refused_ask_does_not_count(stage, admit, time):
    await set_rule(stage, SettingKey.HOURLY_LIMIT, "1")
    await set_rule(stage, SettingKey.TUNED_AGE_RESTRICTED_ONLY, YES)
    with pytest.raises(NotAllowed):
        await admit(variant="tuned")
    await admit()
    with pytest.raises(AskedTooOften, match="once an hour"):
        await admit()


async def test_what_was_asked_elsewhere_and_before_a_restart_counts(stage, admit, directly):
    await set_rule(stage, SettingKey.HOURLY_LIMIT, "1")
    await stage.answered(stage.bob, channel=stage.guild.create_text_channel("other"))
    for ask in (admit, directly):
        with pytest.raises(AskedTooOften):
            await ask()
    await stage.store.forget(str(stage.bob.id))
    with pytest.raises(AskedTooOften):
        await admit()


async def test_two_asks_at_once_do_not_share_the_last_place(stage):
    admission = stage.bot.desk.admission
    async with admission.turn(stage.bob):
        assert admission.turn(stage.bob).locked()
        assert not admission.turn(stage.ann).locked()
    assert not admission.turn(stage.bob).locked()


async def test_unanswered_messages_are_limited(stage, admit):
    await set_rule(stage, SettingKey.WAITING_LIMIT, "1")
    await admit()
    stage.rig.worker.otherwise = ("so", Hang())
    await stage.rig.submit(user=str(stage.bob.id))
    with pytest.raises(TooManyWaiting):
        await admit()
    assert await admit("ann") is None


async def test_tuned_models_stay_in_age_restricted_channels(stage, admit):
    await set_rule(stage, SettingKey.TUNED_AGE_RESTRICTED_ONLY, YES)
    adults = stage.adults()
    assert await admit() == "base"
    assert await admit(variant="base") == "base"
    with pytest.raises(NotAllowed) as refused:
        await admit(variant="tuned")
    assert str(refused.value) == RESTRICTED
    assert await admit(channel=adults) is None
    assert await admit(variant="tuned", channel=adults) == "tuned"
    assert await admit(channel=stage.thread(adults), variant="tuned") == "tuned"
    await stage.rig.chat.variants.choose("user", str(stage.bob.id), "base")
    assert await admit() is None


async def test_without_a_worker_the_base_has_its_usual_name(tmp_path):
    worker = FakeWorker(models_error=away())
    async with scene(tmp_path, lambda *_: [], rig_options={"worker": worker}) as stage:
        await set_rule(stage, SettingKey.TUNED_AGE_RESTRICTED_ONLY, YES)
        admission = Admission(stage.bot, stage.bot.services)
        member = await _member(stage, stage.bob)
        channel = stage.bot.get_channel(stage.channel.id)
        assert isinstance(channel, discord.TextChannel)
        assert await admission.admit(member, channel) == "base"


async def test_a_member_may_do_directly_what_the_server_lets_them_do(stage, directly):
    assert await directly(variant="tuned") == "tuned"
    await set_rule(stage, SettingKey.TUNED_AGE_RESTRICTED_ONLY, YES)
    assert await directly() == "base"
    assert await directly(setting="everybody") == "base"
    with pytest.raises(NotAllowed):
        await directly(variant="tuned")
    assert not await stage.bot.desk.admission.allows_tuned(stage.bob, discord.Object(5))
    role = stage.guild.create_role("Friends")
    await set_rule(stage, SettingKey.ALLOWED_ROLES, str(role.id))
    for setting in ("members", "everybody"):
        with pytest.raises(NotAllowed, match="only some roles"):
            await directly(setting=setting)
    assert await directly("ann") == "base"


async def test_one_of_several_servers_is_enough(stage, directly):
    role = stage.guild.create_role("Friends")
    await set_rule(stage, SettingKey.ALLOWED_ROLES, str(role.id))
    other = stage.env.create_guild()
    other.add_member(stage.bob)
    await stage.store.set_setting("guild", str(other.id), SettingKey.TUNED_AGE_RESTRICTED_ONLY, YES)
    assert await directly() == "base"
    third = stage.env.create_guild()
    third.add_member(stage.bob)
    assert await directly() is None
    assert await stage.bot.desk.admission.allows_tuned(stage.bob, discord.Object(5))


async def test_the_operator_says_who_may_write_directly(stage, directly):
    stranger = await stage.bot.fetch_user(stage.env.create_user("eve").id)
    assert await directly(stranger, setting="everybody") is None
    with pytest.raises(NotAllowed) as refused:
        await directly(stranger)
    assert str(refused.value) == NO_SERVER
    for who in (stranger, "bob", "ann"):
        with pytest.raises(NotAllowed) as refused:
            await directly(who, setting="nobody")
        assert str(refused.value) == NO_DIRECT


async def test_a_server_that_the_bot_is_not_in_is_like_a_direct_message(stage):
    admission = Admission(stage.bot, stage.bot.services)
    stranger = await stage.bot.fetch_user(stage.env.create_user("eve").id)
    foreign = SimpleNamespace(id=5, guild_id=4242)
    with pytest.raises(NotAllowed) as refused:
        await admission.admit(stranger, foreign)  # pyright: ignore[reportArgumentType]
    assert str(refused.value) == NO_SERVER


async def test_whoever_comes_without_roles_is_looked_up(stage):
    role = stage.guild.create_role("Friends")
    await set_rule(stage, SettingKey.ALLOWED_ROLES, str(role.id))
    admission = Admission(stage.bot, stage.bot.services)
    place = stage.bot.get_channel(stage.channel.id)
    assert await admission.admit(await stage.bot.fetch_user(stage.ann.id), place) is None
    with pytest.raises(NotAllowed, match="only some roles"):
        await admission.admit(await stage.bot.fetch_user(stage.bob.id), place)


async def test_a_discord_that_does_not_say_refuses_for_now(stage, directly, monkeypatch):
    stage.env.inject_error("GET", "/guilds/*/members/*", status=403)
    with pytest.raises(NotAllowed) as refused:
        await directly()
    assert str(refused.value) == UNKNOWN
    assert await directly() is None


async def test_members_are_remembered_for_a_minute_and_not_for_ever(stage, time, monkeypatch):
    monkeypatch.setattr(membership, "MOST_REMEMBERED", 2)
    asks = membership.Membership(stage.bot, time.clock)
    guild = stage.bot.get_guild(stage.guild.id)
    bob = await stage.bot.fetch_user(stage.bob.id)

    def asked():
        return sum("/members/" in one.path for one in stage.env.http_requests)

    first = await asks.member(guild, bob)
    count = asked()
    assert await asks.member(guild, bob) is first
    assert asked() == count
    time.advance(61)
    await asks.member(guild, bob)
    assert asked() == count + 1
    for number in (1, 2):
        assert await asks.member(guild, discord.Object(number)) is None
    await asks.member(guild, bob)
    assert asked() == count + 4


async def test_in_a_thread_that_is_switched_off_nobody_is_admitted(stage, admit):
    thread = stage.thread()
    await stage.store.set_setting("channel", str(thread.id), SettingKey.THREAD_MODE, "off")
    with pytest.raises(NotAllowed, match="switched off"):
        await admit("ann", channel=thread)
    assert await admit("ann") is None
