"""A small bot in the test's own process: plain discord.py, nothing of the project."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import discord
import pytest
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.discord_server.driver import Discord
from tests.discord_server.state.places import Channel
from tests.discord_server.state.world import TOKEN

LIMIT_S = 15.0


class PlainClient(discord.AutoShardedClient):
    """Keeps every event; its commands are `/echo`, `/slow` and the menu entry "Length"."""

    def __init__(self, intents: discord.Intents, heard: Callable[[], None]) -> None:
        super().__init__(intents=intents, guild_ready_timeout=0.05)
        self.tree = app_commands.CommandTree(self)
        self.ready = asyncio.Event()
        self._heard = heard
        self.events: list[tuple[str, tuple[Any, ...]]] = []

    async def setup_hook(self) -> None:
        add_commands(self.tree)
        await self.tree.sync()

    async def on_ready(self) -> None:
        self.ready.set()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Without the five seconds between two IDENTIFYs."""

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        self.events.append((event, args))
        super().dispatch(event, *args, **kwargs)
        self._heard()

    def room(self, channel: Channel) -> discord.TextChannel:
        """A channel of the server as the client knows it."""
        known = self.get_channel(channel.id)
        assert isinstance(known, discord.TextChannel)
        return known

    def heard(self, event: str) -> list[Any]:
        """The first argument of every event of that name."""
        return [args[0] if args else None for name, args in self.events if name == event]


class Buttons(discord.ui.View):
    """A button that counts itself."""

    def __init__(self) -> None:
        super().__init__(timeout=None)

    @discord.ui.button(label="More", custom_id="more")
    async def more(self, interaction: discord.Interaction, _: discord.ui.Button) -> None:
        await interaction.response.edit_message(content="clicked", view=None)


def add_commands(tree: app_commands.CommandTree) -> None:
    @tree.command(description="Say it again")
    async def echo(interaction: discord.Interaction, text: str, times: int = 1) -> None:
        await interaction.response.send_message(text * times, view=Buttons())

    @echo.autocomplete("text")
    async def complete(_: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=current + end, value=current + end) for end in "ab"]

    @tree.command(description="Answer later")
    async def slow(interaction: discord.Interaction) -> None:
        await interaction.response.defer(ephemeral=True)
        await interaction.edit_original_response(content="first")
        await interaction.followup.send("second")

    @tree.context_menu(name="Length")
    async def length(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.send_message(str(len(message.content)), ephemeral=True)


@asynccontextmanager
async def connected(
    server: Discord, patch: pytest.MonkeyPatch, intents: discord.Intents | None = None
) -> AsyncIterator[PlainClient]:
    """A client that is logged in and connected; closed at the end."""
    url = server.environment
    patch.setattr(Route, "BASE", url["DISCORD_API_URL"])
    gateway = yarl.URL(url["DISCORD_GATEWAY_URL"])
    patch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", gateway)
    client = PlainClient(intents or discord.Intents.all(), server.world.watch.changed)
    running = asyncio.create_task(client.start(TOKEN))
    try:
        async with asyncio.timeout(LIMIT_S):
            await asyncio.wait(
                (running, asyncio.ensure_future(client.ready.wait())),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if running.done():
                await running
        yield client
    finally:
        async with asyncio.timeout(LIMIT_S):
            await client.close()
            with suppress(asyncio.CancelledError, discord.DiscordException):
                await running
