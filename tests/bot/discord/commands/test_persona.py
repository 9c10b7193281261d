from bot.discord.commands import persona as module
from bot.discord.commands.persona import PersonaCommands
from bot.discord.identity import conversation_id
from bot.discord.rules import persona_of
from data.records import SettingKey
from tests.bot.discord.scene import only, scene, stage_of

stage = stage_of(only(PersonaCommands))


async def persona(stage, channel):
    return await persona_of(stage.store, stage.bot.get_channel(channel.id))


async def test_a_channels_persona_is_its_threads_until_they_have_their_own(stage):
    thread = stage.thread()
    done = await stage.ann.slash(stage.channel, "persona set", text=" You are a\npirate. ")
    assert done.response.content == "My persona here from now on:\n> You are a\n> pirate."
    assert not done.ephemeral
    assert await persona(stage, stage.channel) == "You are a\npirate."
    assert await persona(stage, thread) == "You are a\npirate."

    await stage.ann.slash(thread, "persona set", text="You are a cook.")
    assert await persona(stage, thread) == "You are a cook."
    assert await persona(stage, stage.channel) == "You are a\npirate."

    cleared = await stage.ann.slash(thread, "persona clear")
    assert cleared.response.content == "This thread has its channel's persona again."
    assert await persona(stage, thread) == "You are a\npirate."
    cleared = await stage.ann.slash(stage.channel, "persona clear")
    assert cleared.response.content == "I am my usual self here again."
    assert await persona(stage, thread) is None


async def test_only_who_manages_the_server_may_change_it(stage):
    await stage.ann.slash(stage.channel, "persona set", text="You are a cook.")
    for command, options in (("set", {"text": "You are mine."}), ("clear", {})):
        result = await stage.bob.slash(stage.channel, f"persona {command}", **options)
        assert result.ephemeral
        assert "Manage Server" in result.response.content
    assert await persona(stage, stage.channel) == "You are a cook."


async def test_anybody_may_look(stage):
    async def shown(who=stage.bob):
        result = await who.slash(stage.channel, "persona show")
        assert result.ephemeral
        return result.response.content

    assert await shown() == "No persona is set here."
    await stage.ann.slash(stage.channel, "persona set", text="You *are* @everyone's cook.")
    assert await shown() == "My persona here:\n> You \\*are\\* @everyone's cook."


async def test_without_one_the_usual_persona_is_shown(tmp_path):
    async with scene(tmp_path, only(PersonaCommands), persona="Be kind.") as stage:
        result = await stage.bob.slash(stage.channel, "persona show")
        assert (
            result.response.content == "No persona is set here, so it is my usual one.\n> Be kind."
        )


async def test_a_dm_is_its_persons_own_and_goes_with_the_person(stage):
    await stage.rig.submit(user=str(stage.bob.id), conversation=conversation_id(_dm(stage)))
    await stage.bob.user.slash("persona set", text="Call me king.")
    assert await persona_of(stage.store, _dm(stage)) == "Call me king."
    await stage.store.forget(str(stage.bob.id))
    assert await persona_of(stage.store, _dm(stage)) is None


async def test_what_is_not_readable_is_no_persona(stage):
    result = await stage.ann.slash(stage.channel, "persona set", text="\u200b\x07 ")
    assert "nothing to read" in result.response.content
    assert await stage.store.setting("channel", str(stage.channel.id), SettingKey.PERSONA) is None


async def test_saved_personas_are_the_servers(stage):
    def said(result):
        return (result.followups[0] if result.response is None else result.response).content

    saved = await stage.ann.slash(stage.channel, "persona save", name="Pirate", text="Say *arr*.")
    assert saved.ephemeral
    assert said(saved) == "Saved as **Pirate**."
    other = stage.guild.create_text_channel("other")
    used = await stage.ann.slash(other, "persona use", name="pirate")
    assert not used.ephemeral
    assert said(used) == "I am **Pirate** here from now on:\n> Say \\*arr\\*."
    assert await persona(stage, other) == "Say *arr*."
    assert await persona(stage, stage.channel) is None
    shown = await stage.bob.slash(other, "persona show")
    assert said(shown).startswith("My persona here (Pirate):")
    listed = await stage.bob.slash(stage.channel, "persona list")
    assert listed.ephemeral
    assert said(listed) == "- **Pirate**: Say \\*arr\\*."
    taken = await stage.ann.slash(other, "persona save", name="PIRATE")
    assert "already" in said(taken)
    again = await stage.ann.slash(other, "persona save", name="Parrot")
    assert said(again) == "Saved as **Parrot**."
    assert "no persona called" in said(await stage.ann.slash(other, "persona use", name="cook"))
    deleted = await stage.ann.slash(other, "persona delete", name="Pirate")
    assert "deleted" in said(deleted)
    assert await persona(stage, other) == "Say *arr*.", "it is in use all the same"
    elsewhere = await stage.bob.user.slash("persona list")
    assert said(elsewhere) == "No persona is saved yet."


async def test_a_channel_without_a_persona_has_none_to_save(stage):
    result = await stage.ann.slash(stage.channel, "persona save", name="Pirate")
    assert "No persona is set here" in result.response.content


async def test_only_managers_save_use_and_delete(stage):
    await stage.ann.slash(stage.channel, "persona save", name="Pirate", text="Say arr.")
    for command in ("save", "use", "delete"):
        result = await stage.bob.slash(stage.channel, f"persona {command}", name="Pirate")
        assert "Manage Server" in result.response.content
    await stage.bob.user.slash("persona save", name="Mine", text="Be mine.")
    data = await stage.store.personal_data(str(stage.bob.id))
    assert [(row["scope"], row["name"]) for row in data.personas] == [("user", "Mine")]


async def test_names_are_offered_while_typing_and_not_waited_for(stage, monkeypatch):
    for name in ("Pirate", "Parrot", "Cook"):
        await stage.ann.slash(stage.channel, "persona save", name=name, text="Be one.")
    for command in ("use", "delete"):
        found = await stage.ann.autocomplete(stage.channel, f"persona {command}", "name", "p")
        assert [choice["value"] for choice in found] == ["Parrot", "Pirate"]
    monkeypatch.setattr(module, "_TYPING_S", 0.0)
    assert await stage.ann.autocomplete(stage.channel, "persona use", "name", "p") == []


def _dm(stage):
    return stage.bob.user.dm_channel
