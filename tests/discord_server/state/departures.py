"""What is taken away from the bot: a channel, a server."""

from tests.discord_server.gateway import Intent
from tests.discord_server.state.payloads import channel_json
from tests.discord_server.state.places import Channel, Guild
from tests.discord_server.state.world import World


def delete_channel(world: World, channel: Channel) -> None:
    """Delete a channel or thread, which connected bots hear of."""
    assert channel.guild is not None
    del world.channels[channel.id], channel.guild.channels[channel.id]
    event = "CHANNEL_DELETE" if channel.parent is None else "THREAD_DELETE"
    world.announce(event, channel, channel_json(channel))


def leave_guild(world: World, guild: Guild) -> None:
    """Take the bot out of a server, which it hears of if it is connected."""
    del world.guilds[guild.id]
    for channel_id in guild.channels:
        del world.channels[channel_id]
    data = {"id": str(guild.id)}
    world.gateway.dispatch("GUILD_DELETE", guild.id, Intent.GUILDS, lambda _: data)
