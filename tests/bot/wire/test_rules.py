"""A server's rules hold in every way to ask, there and in direct messages: a matrix."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from tests.bot.wire.reading import answer_in, is_done
from tests.discord_server.driver import Discord
from tests.discord_server.gateway import Intent
from tests.discord_server.state.interactions import Interaction
from tests.discord_server.state.messages import Message
from tests.discord_server.state.payloads import role_json
from tests.discord_server.state.places import Channel, Role, User
from tests.programs.bot_on_discord import Bot, running

pytestmark = pytest.mark.asyncio(loop_scope="module")
ASKED = "SELECT count(*) FROM requests WHERE user_id = ?"
STATES = "SELECT state FROM requests WHERE user_id = ?"
FRIENDS = 1_000_001
Way = Callable[[Bot, User], Awaitable[str]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bot]:
    home = tmp_path_factory.mktemp("wire") / "home"
    script = {"step_seconds": 0.0, "variants": ["base", "tuned"]}
    async with running(home, script=script) as one:
        guild = one.discord.guild
        role = guild.roles[FRIENDS] = Role(FRIENDS, "Friends", 0)
        data = {"guild_id": str(guild.id), "role": role_json(role)}
        one.discord.gateway.dispatch("GUILD_ROLE_CREATE", guild.id, Intent.GUILDS, lambda _: data)
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def discord(bot: Bot) -> AsyncIterator[Discord]:
    yield bot.discord
    for command, values in (
        ("settings role", {"role": bot.discord.guild.roles[FRIENDS], "allowed": False}),
        ("settings limits", {"per_hour": 0}),
        ("settings tuned", {"only_age_restricted": False}),
    ):
        await set_rule(bot.discord, command, **values)


async def set_rule(discord: Discord, command: str, **values: object) -> None:
    room, owner = discord.channel(), discord.guild.owner
    await discord.settled(await discord.slash(room, owner, command, **values))


async def _said(discord: Discord, question: Message) -> str:
    """What the bot replies to a message in the end."""
    found = await discord.until(
        lambda: [one for one in discord.replies(question) if not one.labels or is_done(one)]
    )
    return found[-1].content


async def _told(discord: Discord, interaction: Interaction) -> str:
    """What the bot says to a command or click in the end."""
    await discord.until(
        lambda: any((one.ephemeral and one.content.strip("…")) or is_done(one)
                    for one in interaction.messages)
    )  # fmt: skip
    return interaction.text


async def answered(bot: Bot, room: Channel) -> Message:
    """An answer to the server's owner, whom no rule binds."""
    before = await bot.ask(room, bot.discord.guild.owner, "begin")
    return (await answer_in(bot.discord, room, after=before))[-1]


async def mention(bot: Bot, person: User) -> str:
    return await _said(bot.discord, await bot.ask(bot.discord.channel(), person, "hm?"))


async def reply(bot: Bot, person: User) -> str:
    room = bot.discord.channel()
    said = await bot.discord.say(room, person, "hm?", reply_to=await answered(bot, room))
    return await _said(bot.discord, said)


async def thread(bot: Bot, person: User) -> str:
    room = bot.discord.thread(bot.discord.channel(), person)
    return await _said(bot.discord, await bot.ask(room, person, "hm?"))


async def directly(bot: Bot, person: User) -> str:
    room = bot.discord.dm(person)
    before = room.last
    await bot.discord.say(room, person, "hm?")
    found = await bot.discord.until(
        lambda: [
            one
            for one in bot.discord.from_bot(room)
            if (before is None or one.id > before.id) and (not one.labels or is_done(one))
        ]
    )
    return found[-1].content


async def command(bot: Bot, person: User) -> str:
    asked = await bot.discord.slash(bot.discord.channel(), person, "ask", prompt="hm?")
    return await _told(bot.discord, asked)


async def command_directly(bot: Bot, person: User) -> str:
    asked = await bot.discord.slash(bot.discord.dm(person), person, "ask", prompt="hm?")
    return await _told(bot.discord, asked)


async def menu(bot: Bot, person: User) -> str:
    message = await bot.discord.say(bot.discord.channel(), bot.discord.guild.owner, "well")
    return await _told(bot.discord, await bot.discord.menu(message, person, "Ask about this"))


async def again(bot: Bot, person: User) -> str:
    answer = await answered(bot, bot.discord.channel())
    return await _told(bot.discord, await bot.discord.click(answer, person, "Again"))


async def other_model(bot: Bot, person: User) -> str:
    answer = await answered(bot, bot.discord.channel())
    return await _told(bot.discord, await bot.discord.click(answer, person, "Other"))


WAYS: list[Way] = [
    mention, reply, thread, directly, command, command_directly, menu, again, other_model,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
async def test_only_the_named_roles_may_ask(bot: Bot, discord: Discord, way: Way):
    eve, fred = discord.user("Eve"), discord.user("Fred")
    discord.guild.members[fred.id].roles.append(FRIENDS)
    await set_rule(discord, "settings role", role=discord.guild.roles[FRIENDS], allowed=True)
    assert "only some roles" in await way(bot, eve)
    assert bot.rows(ASKED, str(eve.id)) == [(0,)]
    assert "only some roles" not in await way(bot, fred)
    assert bot.rows(ASKED, str(fred.id)) == [(1,)]


@pytest.mark.parametrize("way", WAYS)
async def test_the_hours_limit_counts_what_was_asked_anywhere(bot: Bot, discord: Discord, way: Way):
    eve = discord.user("Eve")
    await set_rule(discord, "settings limits", per_hour=1)
    before = directly if way is mention else mention
    assert "an hour" not in await before(bot, eve)
    await bot.until_rows(STATES, [("finished",)], str(eve.id))
    assert "You may ask me once an hour" in await way(bot, eve)
    assert bot.rows(ASKED, str(eve.id)) == [(1,)]


@pytest.mark.parametrize("way", [mention, thread, directly, command, command_directly, menu])
async def test_tuned_models_stay_in_age_restricted_channels(bot: Bot, discord: Discord, way: Way):
    await set_rule(discord, "settings tuned", only_age_restricted=True)
    assert "-# base" in await way(bot, discord.user("Eve"))


async def test_buttons_do_not_lead_around_the_age_restriction(bot: Bot, discord: Discord):
    tuned = await answered(bot, discord.channel())
    await set_rule(discord, "settings tuned", only_age_restricted=True)
    eve = discord.user("Eve")
    assert "only the base" in await _told(discord, await discord.click(tuned, eve, "Again"))
    assert "-# base" in await _told(discord, await discord.click(tuned, eve, "Other"))


async def test_a_limit_outlives_a_restart_and_being_forgotten(bot: Bot, discord: Discord):
    eve = discord.user("Eve")
    await set_rule(discord, "settings limits", per_hour=1)
    assert "an hour" not in await mention(bot, eve)
    assert await bot.end() == 0
    await bot.start()
    assert "once an hour" in await mention(bot, eve)
    asked = await discord.settled(await discord.slash(discord.channel(), eve, "forget"))
    await discord.click(asked.messages[0], eve, "Delete everything")
    await discord.until(lambda: "Forgotten" in asked.text)
    assert "once an hour" in await mention(bot, eve)


async def test_a_question_and_its_proxied_copy_count_as_one(bot: Bot, discord: Discord):
    room, eve = discord.channel(), discord.user("Eve")
    await set_rule(discord, "settings limits", per_hour=2)
    original = await bot.ask(room, eve, "is water wet?")
    await bot.until_rows(STATES, [("finished",)], str(eve.id))
    await discord.delete(original)
    copy = await discord.proxy(room, "Alex", original.content)
    await discord.until(lambda: [one for one in discord.replies(copy) if is_done(one)])
    assert "an hour" not in await mention(bot, eve), "it was the first"
    assert "2 times an hour" in await mention(bot, eve)


async def test_two_questions_at_once_do_not_share_the_last_place(bot: Bot, discord: Discord):
    eve = discord.user("Eve")
    await set_rule(discord, "settings limits", per_hour=1)
    questions = [await bot.ask(discord.channel(), eve, f"number {one}") for one in range(4)]
    said = [await _said(discord, one) for one in questions]
    assert sum("once an hour" in text for text in said) == 3


@pytest.mark.parametrize(
    ("setting", "member", "stranger"),
    [("nobody", "direct messages", "direct messages"),
     ("members", "tuned: hm?", "we share none"),
     ("everybody", "tuned: hm?", "tuned: hm?")],
)  # fmt: skip
async def test_the_operator_says_who_may_write_directly(
    tmp_path: Path, setting: str, member: str, stranger: str
):
    settings = {"DISCORD_DIRECT": setting}
    async with running(tmp_path / "home", script={"step_seconds": 0.0}, settings=settings) as bot:
        ann, eve = bot.discord.user("Ann"), bot.discord.user("Eve")
        del bot.discord.guild.members[eve.id]
        for ask in (directly, command_directly):
            assert member in await ask(bot, ann)
            assert stranger in await ask(bot, eve)
        assert "tuned: hm?" in await mention(bot, ann)
