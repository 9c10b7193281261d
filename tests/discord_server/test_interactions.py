"""Slash commands, autocomplete, menus, buttons and their time limits."""

import asyncio

import aiohttp
import pytest

from tests.discord_server import driver
from tests.discord_server.driver import Discord
from tests.discord_server.plain_client import PlainClient
from tests.discord_server.rest import interaction as interaction_routes
from tests.discord_server.state.permissions import Permission


async def test_a_command_answers_and_its_button_works(discord: Discord, client: PlainClient):
    room, ann = discord.channel(), discord.user("Ann")
    assert discord.world.commands.names() == {"echo", "slow"}
    interaction = await discord.slash(room, ann, "echo", text="ha", times=2)
    assert interaction.text == "haha"
    message = discord.from_bot(room)[0]
    assert message.labels == ["More"]
    click = await discord.click(message, ann, "more")
    assert click.original is message
    assert (message.content, message.labels) == ("clicked", [])


async def test_a_deferred_answer_and_its_follow_up(discord: Discord, client: PlainClient):
    room = discord.channel()
    interaction = await discord.slash(room, discord.user(), "slow")
    assert not interaction.settled
    await discord.settled(interaction)
    await discord.until(lambda: interaction.followups)
    assert [one.content for one in interaction.messages] == ["first", "second"]
    assert interaction.original is not None
    assert interaction.original.ephemeral
    assert discord.from_bot(room) == [interaction.followups[0]]


async def test_autocomplete_and_menu(discord: Discord, client: PlainClient):
    room, ann = discord.channel(), discord.user("Ann")
    assert await discord.autocomplete(room, ann, "echo", "text", "x") == ["xa", "xb"]
    message = await discord.say(discord.dm(ann), ann, "four")
    assert (await discord.menu(message, ann, "Length")).text == "4"


async def test_what_a_person_may_do_comes_along(discord: Discord, client: PlainClient):
    room, other, ann = discord.channel(), discord.channel(), discord.user("Ann")
    discord.allow(room, ann, Permission.MANAGE_MESSAGES)
    for place in (room, other):
        await discord.slash(place, ann, "echo", text="ha")
    heard = [one.permissions.manage_messages for one in client.heard("interaction")]
    assert heard == [True, False]


@pytest.mark.parametrize(
    ("command", "values"),
    [("nothing", {}), ("echo", {}), ("echo", {"text": 1}), ("echo", {"text": "a", "other": 1})],
)
async def test_a_command_that_does_not_fit_fails_at_once(
    discord: Discord, client: PlainClient, command: str, values: dict[str, object]
):
    with pytest.raises(AssertionError, match=f"/{command}"):
        await discord.slash(discord.channel(), discord.user(), command, **values)


async def test_an_answer_that_comes_too_late_is_refused(
    discord: Discord, client: PlainClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(interaction_routes, "ANSWER_LIMIT_S", -1.0)
    monkeypatch.setattr(driver, "ANSWER_LIMIT_S", -0.5)
    with pytest.raises(AssertionError, match="an answer to COMMAND echo in time"):
        await discord.slash(discord.channel(), discord.user(), "echo", text="ha")
    (call,) = discord.calls.of("POST /interactions/{interaction}/{token}/callback")
    await discord.until(lambda: call.status == 404)


async def test_a_token_ends(discord: Discord, client: PlainClient):
    interaction = await discord.slash(discord.channel(), discord.user(), "echo", text="ha")
    interaction.expired = True
    tree = [one for one in client.heard("interaction") if one.token == interaction.token]
    with pytest.raises(Exception, match="Invalid Webhook Token"):
        await tree[0].edit_original_response(content="late")


async def test_an_answer_given_twice_is_refused(discord: Discord, client: PlainClient):
    interaction = await discord.slash(discord.channel(), discord.user(), "echo", text="ha")
    path = f"/api/v10/interactions/{interaction.id}/{interaction.token}/callback"
    async with asyncio.timeout(5):
        url = discord.world.base_url + path
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, json={"type": 5}) as response,
        ):
            assert response.status == 400
            assert (await response.json())["code"] == 40060
