import pytest

from bot.discord.asking.admission import RESTRICTED
from bot.discord.commands.model import ModelCommands, choices
from bot.discord.identity import conversation_id, user_id
from data.records import YES, SettingKey
from tests.bot.discord.scene import only, scene
from tests.fakes.worker import FakeWorker, away


@pytest.fixture
async def stage(tmp_path):
    options = {"worker": FakeWorker(variants=("base", "tuned", "pirate"))}
    async with scene(tmp_path, only(ModelCommands), rig_options=options) as made:
        yield made


async def active(stage, person, channel=None):
    channel = channel or stage.channel
    return await stage.rig.chat.variants.active(
        user_id(person), conversation_id(channel), str(channel.id)
    )


async def test_a_person_chooses_for_themselves_everywhere(stage):
    result = await stage.bob.slash(stage.channel, "model set", variant="pirate")
    assert result.ephemeral
    assert "**pirate** answers you" in result.response.content
    other = stage.guild.create_text_channel("other")
    assert await active(stage, stage.bob, other) == "pirate"
    assert await active(stage, stage.ann) == "tuned"
    shown = await stage.bob.slash(other, "model show")
    assert shown.response.content == "**pirate** answers you here. You chose it."
    result = await stage.bob.slash(stage.channel, "model set", variant="default")
    assert "taken back" in result.response.content
    assert await active(stage, stage.bob) == "tuned"


async def test_a_channel_needs_the_permission_and_its_threads_follow(stage):
    refused = await stage.bob.slash(stage.channel, "model set", variant="base", scope="channel")
    assert refused.ephemeral
    assert "Manage Channels" in refused.response.content
    assert await active(stage, stage.bob) == "tuned"

    done = await stage.ann.slash(stage.channel, "model set", variant="base", scope="channel")
    assert not done.ephemeral
    assert await active(stage, stage.bob) == "base"
    shown = await stage.bob.slash(stage.channel, "model show")
    assert shown.response.content == "**base** answers you here. It was chosen for this channel."

    await stage.ann.slash(stage.channel, "model set", variant="default", scope="channel")
    assert await active(stage, stage.bob) == "tuned"
    shown = await stage.bob.slash(stage.channel, "model show")
    assert shown.response.content.endswith("Nobody chose another one.")


async def test_the_permission_can_be_another(tmp_path):
    async with scene(
        tmp_path, only(ModelCommands), discord_model_permission="send_messages"
    ) as stage:
        await stage.bob.slash(stage.channel, "model set", variant="base", scope="channel")
        assert await active(stage, stage.ann) == "base"


async def test_a_thread_has_its_own_choice_before_its_channels(stage):
    thread = stage.thread()
    await stage.ann.slash(stage.channel, "model set", variant="base", scope="channel")
    await stage.ann.slash(thread, "model set", variant="pirate", scope="channel")
    shown = await stage.bob.slash(thread, "model show")
    assert shown.response.content.startswith("**pirate** answers you here. It was chosen for this")
    await stage.ann.slash(thread, "model set", variant="default", scope="channel")
    shown = await stage.bob.slash(thread, "model show")
    assert shown.response.content == "**base** answers you here. It was chosen for this channel."


async def test_a_dm_is_its_persons_own(stage):
    dm = stage.bob.user.dm_channel
    await stage.bob.user.slash("model set", variant="pirate", scope="channel")
    place = ("conversation", conversation_id(dm), "variant")
    assert await stage.store.setting(*place) == "pirate"
    shown = await stage.bob.user.slash("model show")
    assert "chosen for this conversation" in shown.response.content


async def test_the_list_marks_the_active_one(stage):
    result = await stage.bob.slash(stage.channel, "model list")
    assert result.response.content.splitlines() == [
        "- **base**: tiny",
        "- **tuned**: tiny with an adapter ← answers you here",
        "- **pirate**: tiny",
    ]


async def test_an_unknown_variant_is_refused_with_those_there_are(stage):
    result = await stage.bob.slash(stage.channel, "model set", variant="gpt")
    assert "There are: base, tuned, pirate" in result.response.content
    assert await active(stage, stage.bob) == "tuned"


async def test_autocomplete_offers_the_workers_variants(stage):
    async def offered(typed):
        found = await stage.bob.autocomplete(stage.channel, "model set", "variant", typed)
        return [choice["value"] for choice in found]

    assert await offered("") == ["base", "tuned", "pirate", "default"]
    assert await offered("TUN") == ["tuned"]
    stage.rig.worker.variants = ("base", "late")
    stage.rig.chat.variants.forget()
    assert await offered("") == ["base", "late", "default"]


async def test_a_worker_that_is_away_offers_nothing_and_is_said_so(tmp_path):
    worker = FakeWorker(models_error=away())
    async with scene(tmp_path, only(ModelCommands), rig_options={"worker": worker}) as stage:
        found = await stage.bob.autocomplete(stage.channel, "model set", "variant", "t")
        assert [choice["value"] for choice in found] == ["default"]
        result = await stage.bob.slash(stage.channel, "model set", variant="tuned")
        assert "not up yet" in result.response.content
        shown = await stage.bob.slash(stage.channel, "model show")
        assert "**tuned** answers you here" in shown.response.content


async def test_where_tuned_models_are_restricted_only_the_base_can_be_set(stage):
    await stage.store.set_setting(
        "guild", str(stage.guild.id), SettingKey.TUNED_AGE_RESTRICTED_ONLY, YES
    )
    result = await stage.ann.slash(stage.channel, "model set", variant="tuned", scope="channel")
    [refusal] = result.followups
    assert (refusal.content, refusal.ephemeral) == (RESTRICTED, True)
    assert await stage.store.setting("channel", str(stage.channel.id), SettingKey.VARIANT) is None
    shown = await stage.bob.slash(stage.channel, "model show")
    assert shown.response.content == f"**base** answers you here. {RESTRICTED}"
    done = await stage.ann.slash(stage.channel, "model set", variant="base", scope="channel")
    assert "**base** answers here" in done.response.content
    adults = stage.adults()
    await stage.ann.slash(adults, "model set", variant="pirate", scope="channel")
    assert await active(stage, stage.bob, adults) == "pirate"


def test_choices_are_as_many_and_as_long_as_discord_takes():
    names = [f"m{number}" for number in range(40)] + ["m" * 101]
    assert len(choices(names, "M")) == 25
    assert choices(["m" * 101], "") == []
