"""What takes away more than a message: channels, threads, whole guilds."""

from tests.discord_server.gateway import Intent
from tests.discord_server.state.payloads import channel_json, guild_json
from tests.discord_server.state.places import Channel, Guild
from tests.discord_server.state.world import World


def delete_channel(world: World, channel: Channel) -> None:
    """A channel is gone with its threads, or a thread alone; Discord tells of the one only."""
    assert channel.guild is not None
    data = channel_json(channel)
    for one in [channel, *(one for one in world.channels.values() if one.parent is channel)]:
        for message in one.messages.values():
            message.deleted = True
        del world.channels[one.id], channel.guild.channels[one.id]
    event = "CHANNEL_DELETE" if channel.parent is None else "THREAD_DELETE"
    world.announce(event, channel, data)


def enter(world: World, name: str) -> Guild:
    """The bot is invited into a new guild while it is connected."""
    guild = world.add_guild(name)
    data = guild_json(guild, [guild.members[world.me.id]])
    world.gateway.dispatch("GUILD_CREATE", guild.id, Intent.GUILDS, lambda _: data)
    return guild


def expel(world: World, guild: Guild) -> None:
    """The bot is thrown out of a guild, of which it hears if it is connected."""
    del world.guilds[guild.id]
    for channel_id in guild.channels:
        del world.channels[channel_id]
    data = {"id": str(guild.id)}
    world.gateway.dispatch("GUILD_DELETE", guild.id, Intent.GUILDS, lambda _: data)
