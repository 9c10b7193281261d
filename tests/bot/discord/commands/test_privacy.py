import asyncio
import gzip
import json
from datetime import UTC, datetime

import aiohttp
import discord
import pytest

from bot.chat.conversation import Utterance
from bot.chat.events import Delta
from bot.discord.commands import forgetting as module
from bot.discord.commands.forgetting import Forgetting
from bot.discord.commands.privacy import PrivacyCommands, packed
from bot.discord.commands.privacy_text import KEPT, forgotten_text, privacy_text
from bot.discord.identity import FRONT_END
from bot.errors import UserError
from data.errors import StoreLocked
from data.files.export import export
from data.records import (
    Forgotten,
    MadeExport,
    PersonalData,
    RatingKind,
    RequestState,
    SettingKey,
)
from tests.bot.discord.scene import only, scene, stage_of
from tests.bot.rig import until
from tests.fakes.worker import Hang

REFERENCE = "ticket 7"
stage = stage_of(only(PrivacyCommands))


@pytest.fixture
async def permitted(tmp_path):
    """A stage where Discord's permission and the operator's policy are recorded."""
    async with scene(
        tmp_path,
        only(PrivacyCommands),
        discord_training_permission=REFERENCE,
        privacy_policy_url="https://example.org/privacy",
    ) as made:
        yield made


@pytest.fixture
async def forgetting(stage):
    made = Forgetting(stage.bot, stage.bot.services, stage.parts.desk.cache)
    yield made
    await made.close()


async def consent(stage, person):
    return await stage.store.setting("user", str(person.id), SettingKey.TRAINING_CONSENT)


async def test_privacy_says_what_why_how_long_and_nobody_agreed_by_default(stage):
    result = await stage.bob.slash(stage.channel, "privacy")
    assert result.ephemeral
    text = result.response.content
    assert len(text) <= 2000
    for word in ("What I store", "Why", "How long", "/forget", "/mydata", "**not** used"):
        assert word in text
    assert await consent(stage, stage.bob) is None


async def test_without_discords_permission_nobody_is_asked_to_agree(stage, tmp_path):
    answer, _ = await stage.answered(stage.bob)
    await stage.store.rate(answer.id, str(stage.bob.id), RatingKind.GOOD)
    result = await stage.bob.slash(stage.channel, "privacy")
    text = result.response.content
    assert "Discord forbids training" in text
    assert "whatever anybody agrees to" in text
    assert "not told me where their privacy policy is" in text
    assert not result.response.components
    await stage.store.set_setting("user", str(stage.bob.id), SettingKey.TRAINING_CONSENT, "yes")
    assert export(tmp_path / "test.db", tmp_path / "out").ratings == 0


async def test_who_agreed_before_can_take_it_back_without_discords_permission(stage):
    await stage.store.set_setting("user", str(stage.bob.id), SettingKey.TRAINING_CONSENT, "yes")
    result = await stage.bob.slash(stage.channel, "privacy")
    assert "**not** used" in result.response.content
    assert "You agreed once" in result.response.content
    assert len(result.response.components[0]["components"]) == 1
    refused = await stage.bob.click(result.response, label="Don't use it")
    assert "You agreed once" not in refused.response.content
    assert await consent(stage, stage.bob) == "no"


async def test_privacy_names_the_permission_and_the_operators_policy(permitted):
    result = await permitted.bob.slash(permitted.channel, "privacy")
    text = result.response.content
    assert len(text) <= 2000
    assert f"reference: {REFERENCE}" in text
    assert "<https://example.org/privacy>" in text
    assert "you did not agree to it" in text
    assert len(result.response.components[0]["components"]) == 2


@pytest.mark.parametrize("permission", ["", "r" * 200])
@pytest.mark.parametrize("policy", [None, "https://" + "p" * 192])
@pytest.mark.parametrize("consents", [True, False])
def test_the_text_always_fits_into_a_message(permission, policy, consents):
    assert len(privacy_text(consents=consents, permission=permission, policy=policy)) <= 2000


async def test_training_is_opted_into_and_out_of_and_the_export_follows(permitted, tmp_path):
    stage = permitted
    answer, _ = await stage.answered(stage.bob)
    await stage.store.rate(answer.id, str(stage.bob.id), RatingKind.GOOD)
    result = await stage.bob.slash(stage.channel, "privacy")

    def exported(name):
        return export(tmp_path / "test.db", tmp_path / name, REFERENCE).ratings

    assert exported("before") == 0
    agreed = await stage.bob.click(result.response, label="Use my data for training")
    assert "You agreed" in agreed.response.content
    assert await consent(stage, stage.bob) == "yes"
    assert exported("agreed") == 1
    again = await stage.bob.slash(stage.channel, "privacy")
    assert "You agreed" in again.response.content
    await stage.bob.click(again.response, label="Don't use it")
    assert await consent(stage, stage.bob) == "no"
    assert exported("refused") == 0


async def test_forget_names_the_exports_and_what_was_made_of_them(permitted, tmp_path, caplog):
    stage = permitted
    answer, _ = await stage.answered(stage.bob)
    await stage.store.rate(answer.id, str(stage.bob.id), RatingKind.GOOD)
    await stage.store.set_setting("user", str(stage.bob.id), SettingKey.TRAINING_CONSENT, "yes")
    manifest = export(tmp_path / "test.db", tmp_path / "ratings.jsonl", REFERENCE)
    assert manifest.ratings == 1
    folder = tmp_path / "training" / "mine"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"exports": [{"sha256": manifest.sha256}]}))

    result = await stage.bob.slash(stage.channel, "forget")
    done = await stage.bob.click(result.response, label="Delete everything")
    text = done.response.content
    assert "this holds something of you: export `ratings.jsonl`, adapter `mine`." in text
    assert str(tmp_path) not in text
    assert str(tmp_path / "ratings.jsonl.manifest.json") in caplog.text
    assert f"adapter: {folder}" in caplog.text
    assert str(stage.bob.id) not in caplog.text
    again = await stage.bob.slash(stage.channel, "forget")
    done = await stage.bob.click(again.response, label="Delete everything")
    assert "holds something" not in done.response.content
    assert [made.forgotten for made in await stage.store.exports()] == [1]


def test_many_names_are_cut_to_what_fits():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    exports = tuple(
        MadeExport(str(n), f"/srv/{n}-{'x' * 200}.jsonl", "", None, now, 9, 1) for n in range(40)
    )
    text = forgotten_text(Forgotten(1, 1, exports), 3)
    assert len(text) <= 2000
    assert "and 35 more" in text


async def test_mydata_is_a_json_file_for_the_asker_alone(stage):
    answer, _ = await stage.answered(stage.bob, text="For bob.")
    await stage.answered(stage.ann, text="For ann.")
    await stage.store.rate(answer.id, str(stage.bob.id), RatingKind.FUNNY)
    result = await stage.bob.slash(stage.channel, "mydata")
    assert result.ephemeral
    [file] = result.response.attachments
    assert file.filename == "my-fungpt-data.json"
    content = await file.read()
    data = json.loads(content)
    assert [row["text"] for row in data["requests"]] == ["For bob."]
    assert [row["rating"] for row in data["ratings"]] == ["funny"]
    assert b"For ann" not in content


async def test_forget_asks_first_and_keep_changes_nothing(stage):
    answer, _ = await stage.answered(stage.bob)
    result = await stage.bob.slash(stage.channel, "forget")
    assert result.ephemeral
    assert (await stage.store.request(answer.request_id)).user_id == str(stage.bob.id)
    kept = await stage.bob.click(result.response, label="Keep it")
    assert kept.response.content == KEPT
    assert not kept.response.components
    assert (await stage.store.request(answer.request_id)).user_id == str(stage.bob.id)


async def test_forget_deletes_what_is_stored_and_the_answers_on_discord(stage):
    own, mine = await stage.answered(stage.bob, parts=2)
    other, [theirs] = await stage.answered(stage.ann)
    for answer in (own, other):
        await stage.store.rate(answer.id, str(stage.bob.id), RatingKind.GOOD)
    await stage.store.set_setting("user", str(stage.bob.id), SettingKey.TRAINING_CONSENT, "yes")
    stage.env.inject_error("DELETE", "/channels/*/messages/*", status=403)
    before = await stage.store.tallies()

    result = await stage.bob.slash(stage.channel, "forget")
    done = await stage.bob.click(result.response, label="Delete everything")
    await stage.env.settle()

    assert done.response.content == (
        "Forgotten: 1 message of yours with my answers, and 2 ratings."
        " I am deleting 2 answer messages of mine here on Discord."
    )
    data = await stage.store.personal_data(str(stage.bob.id))
    assert data == PersonalData(str(stage.bob.id), [], [], [], [])
    assert await stage.store.tallies() == before
    left = set(stage.env.backend.messages[stage.channel.id])
    assert theirs.id in left
    assert len(left & {message.id for message in mine}) == 1, "one refusal does not end it"


async def test_others_conversations_quote_the_forgotten_person_no_more(stage):
    ann, bob = str(stage.ann.id), str(stage.bob.id)
    lines = (
        Utterance("bob", "the purple submarine", bob),
        Utterance(None, "a submarine!", bob),
        Utterance("ann", "what does bob: mean?", ann),
    )
    ticket = await stage.rig.submit("And now?", str(stage.ann.id), user_name="ann", history=lines)
    await ticket.result()
    assert "submarine" in str((await stage.store.request(ticket.request.id)).turns)
    result = await stage.bob.slash(stage.channel, "forget")
    await stage.bob.click(result.response, label="Delete everything")
    request = await stage.store.request(ticket.request.id)
    assert [turn.content for turn in request.turns] == ["ann: what does bob: mean?\nann: And now?"]


async def test_forgetting_stops_what_runs(stage):
    stage.rig.worker.otherwise = ("so", Hang())
    ticket = await stage.rig.submit(user=str(stage.bob.id), front_end=FRONT_END)
    await until(ticket, Delta)
    result = await stage.bob.slash(stage.channel, "forget")
    done = await stage.bob.click(result.response, label="Delete everything")
    assert "Forgotten: 1 message" in done.response.content
    assert ticket.outcome is not None
    request = await stage.store.request(ticket.request.id)
    assert (request.state, request.prompt) == (RequestState.STOPPED, "")
    assert (await stage.store.answer_for(request.id)).text == ""


async def test_what_does_not_stop_is_forgotten_all_the_same(stage, forgetting, monkeypatch, caplog):
    monkeypatch.setattr(module, "STOP_S", 0.05)
    ticket = await stage.rig.submit(user=str(stage.bob.id), front_end=FRONT_END)
    await ticket.result()

    class Stubborn:
        def stop(self): ...

        async def result(self):
            await asyncio.Event().wait()

    monkeypatch.setattr(stage.rig.chat, "unfinished_of", lambda _person: [Stubborn()])
    result = await forgetting.forget(str(stage.bob.id))
    assert result.forgotten.requests == 1
    assert "did not stop in time" in caplog.text


async def test_a_stranger_has_nothing_to_forget(stage):
    result = await stage.bob.slash(stage.channel, "forget")
    done = await stage.bob.click(result.response, label="Delete everything")
    assert "nothing stored of you" in done.response.content


async def test_a_store_that_fails_is_said_and_logged_without_the_person(
    permitted, monkeypatch, caplog
):
    stage = permitted

    async def locked(*_values, **_more):
        raise StoreLocked("the database is locked")

    for name in ("forget", "set_setting", "personal_data"):
        monkeypatch.setattr(stage.store, name, locked)
    forget = await stage.bob.slash(stage.channel, "forget")
    clicked = await stage.bob.click(forget.response, label="Delete everything")
    assert "did not work" in clicked.followups[0].content
    privacy = await stage.bob.slash(stage.channel, "privacy")
    clicked = await stage.bob.click(privacy.response, label="Use my data for training")
    assert "did not work" in clicked.response.content
    mydata = await stage.bob.slash(stage.channel, "mydata")
    assert "Something went wrong" in mydata.response.content
    assert caplog.text.count("the database is locked") == 3
    assert str(stage.bob.id) not in caplog.text


async def test_a_bug_behind_a_click_is_logged_with_its_trace(permitted, monkeypatch, caplog):
    stage = permitted

    async def broken(*_values):
        raise RuntimeError("a bug")

    monkeypatch.setattr(stage.store, "set_setting", broken)
    privacy = await stage.bob.slash(stage.channel, "privacy")
    clicked = await stage.bob.click(privacy.response, label="Don't use it")
    assert "Something went wrong" in clicked.response.content
    assert "RuntimeError: a bug" in caplog.text
    stage.excused = (RuntimeError,)


async def test_a_cut_connection_ends_no_deletion(stage, forgetting, monkeypatch):
    _, messages = await stage.answered(stage.bob, parts=2)
    tried = []
    all_tried = asyncio.Event()

    async def cut(message):
        tried.append(message.id)
        if len(tried) == len(messages):
            all_tried.set()
        raise aiohttp.ServerDisconnectedError

    monkeypatch.setattr(discord.PartialMessage, "delete", cut)
    await forgetting.forget(str(stage.bob.id))
    async with asyncio.timeout(5):
        await all_tried.wait()
    assert sorted(tried) == sorted(message.id for message in messages)


async def test_the_end_does_not_wait_for_deletions(stage, monkeypatch):
    _, messages = await stage.answered(stage.bob)
    begun = asyncio.Event()

    async def endless(_message):
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(discord.PartialMessage, "delete", endless)
    cog = stage.cog(PrivacyCommands)
    result = await stage.bob.slash(stage.channel, "forget")
    click = asyncio.create_task(stage.bob.click(result.response, label="Delete everything"))
    async with asyncio.timeout(5):
        await begun.wait()
        await cog.cog_unload()
        await click
    assert messages


def test_much_data_is_packed_and_too_much_refused():
    data = PersonalData("1", [{"prompt": "word " * 5000}], [], [], [])
    assert packed(data)[0] == "my-fungpt-data.json"
    name, content = packed(data, most=20_000)
    assert name == "my-fungpt-data.json.gz"
    assert json.loads(gzip.decompress(content))["requests"] == data.requests
    with pytest.raises(UserError, match="too large"):
        packed(data, most=100)


async def test_an_answer_that_discord_does_not_delete_at_once_is_deleted_later(
    stage, forgetting, monkeypatch
):
    monkeypatch.setattr("bot.discord.answer.removal.AGAIN_S", (0.0, 0.0))
    await stage.answered(stage.bob, parts=2)
    stage.env.inject_error("DELETE", "/channels/*/messages/*", status=401, times=2)
    gone = asyncio.Event()

    async def look(_event):
        if not stage.channel.history():
            gone.set()

    stage.bot.add_listener(look, "on_raw_message_delete")
    await forgetting.forget(str(stage.bob.id))
    async with asyncio.timeout(5):
        await gone.wait()
