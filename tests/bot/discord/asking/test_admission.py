import discord
import pytest

from bot.discord.asking import admission as module
from bot.discord.asking.admission import RESTRICTED, Admission, RulesUnknown
from bot.errors import AskedTooOften, NotAllowed, TooManyWaiting
from data.records import YES, SettingKey
from tests.bot.discord.scene import scene
from tests.bot.rig import ManualClock
from tests.fakes.worker import FakeWorker, Hang, away


@pytest.fixture
async def stage(tmp_path):
    async with scene(tmp_path, lambda *_: []) as made:
        yield made


@pytest.fixture
def time():
    return ManualClock()


@pytest.fixture
def admit(stage, time):
    admission = Admission(stage.bot.services, time.clock)

    async def ask(who="bob", variant=None, channel=None):
        actor = getattr(stage, who)
        place = stage.bot.get_channel((channel or stage.channel).id)
        return await admission.admit(await _member(stage, actor), place, variant)

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


async def test_the_people_remembered_are_bounded(stage, admit, monkeypatch):
    monkeypatch.setattr(module, "MOST_REMEMBERED", 1)
    await set_rule(stage, SettingKey.HOURLY_LIMIT, "1")
    await admit()
    await admit("robot")
    assert await admit() is None, "the limit of who asked longest ago is forgotten"


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
        admission = Admission(stage.bot.services)
        member = await _member(stage, stage.bob)
        channel = stage.bot.get_channel(stage.channel.id)
        assert isinstance(channel, discord.TextChannel)
        assert await admission.admit(member, channel) == "base"


async def test_alone_with_the_bot_there_are_no_rules(stage):
    await set_rule(stage, SettingKey.TUNED_AGE_RESTRICTED_ONLY, YES)
    admission = Admission(stage.bot.services)
    user = await stage.bot.fetch_user(stage.bob.id)
    assert await admission.admit(user, discord.Object(5), "tuned") == "tuned"


async def test_in_a_thread_that_is_switched_off_nobody_is_admitted(stage, admit):
    thread = stage.thread()
    await stage.store.set_setting("channel", str(thread.id), SettingKey.THREAD_MODE, "off")
    with pytest.raises(NotAllowed, match="switched off"):
        await admit("ann", channel=thread)
    assert await admit("ann") is None


async def test_roles_that_an_event_did_not_bring_are_looked_up(stage):
    admission = Admission(stage.bot.services)
    role = stage.guild.create_role("Friends")
    stage.env.backend.get_guild(stage.guild.id).members[stage.bob.id].role_ids.append(role.id)
    await set_rule(stage, SettingKey.ALLOWED_ROLES, str(role.id))
    bob = await stage.bot.fetch_user(stage.bob.id)
    place = stage.bot.get_channel(stage.channel.id)
    assert await admission.admit(bob, place) is None
    stage.env.inject_error("GET", "/guilds/*/members/*", status=403, code=50001)
    with pytest.raises(RulesUnknown):
        await admission.admit(bob, place)


async def test_an_ask_in_the_place_of_another_is_not_counted(stage):
    admission = Admission(stage.bot.services)
    await set_rule(stage, SettingKey.HOURLY_LIMIT, "1")
    bob, place = await _member(stage, stage.bob), stage.bot.get_channel(stage.channel.id)
    await admission.admit(bob, place)
    await admission.admit(bob, place, counts=False)
    with pytest.raises(AskedTooOften):
        await admission.admit(bob, place)
