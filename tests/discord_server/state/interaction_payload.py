"""Discord's JSON for an interaction."""

from tests.discord_server.state.interactions import Interaction
from tests.discord_server.state.messages import Json
from tests.discord_server.state.payloads import channel_json, member_json, role_json, user_json
from tests.discord_server.state.permissions import channel_permissions
from tests.discord_server.state.places import ChannelKind
from tests.discord_server.state.world import World


def interaction_json(world: World, interaction: Interaction) -> Json:
    """The data of an INTERACTION_CREATE event."""
    channel, user = interaction.channel, interaction.user
    payload: Json = {
        "id": str(interaction.id),
        "application_id": str(world.me.id),
        "type": int(interaction.kind),
        "token": interaction.token,
        "version": 1,
        "channel_id": str(channel.id),
        "channel": channel_json(channel, user.id),
        "data": _resolved(world, interaction),
        "locale": "en-US",
        "app_permissions": str(int(channel_permissions(channel, world.me.id))),
        "entitlements": [],
        "authorizing_integration_owners": {"0": str(channel.guild.id if channel.guild else 0)},
        "context": 1 if channel.kind is ChannelKind.DM else 0,
        "attachment_size_limit": 10 * 1024 * 1024,
    }
    if interaction.message is not None:
        payload["message"] = world.shown(interaction.message, readable=True)
    if channel.guild is None:
        return {**payload, "user": user_json(user)}
    member = member_json(channel.guild.members[user.id])
    member["permissions"] = str(int(channel_permissions(channel, user.id)))
    guild = {"id": str(channel.guild.id), "locale": "en-US", "features": []}
    extra = {"guild_id": str(channel.guild.id), "guild_locale": "en-US", "guild": guild}
    return {**payload, **extra, "member": member}


def _resolved(world: World, interaction: Interaction) -> Json:
    """The interaction's data with the people and channels that it names as JSON."""
    resolved = interaction.data.get("resolved")
    if not resolved:
        return interaction.data
    shown: Json = dict(resolved)
    for key, write in (("users", user_json), ("channels", channel_json), ("roles", role_json)):
        if key in resolved:
            shown[key] = {id_: write(thing) for id_, thing in resolved[key].items()}
    if "channels" in shown:
        for payload in shown["channels"].values():
            channel = world.channel(payload["id"])
            payload["permissions"] = str(int(channel_permissions(channel, interaction.user.id)))
    if "users" in resolved and interaction.channel.guild is not None:
        members = interaction.channel.guild.members
        shown["members"] = {
            id_: {**member_json(members[user.id], with_user=False), "permissions": "0"}
            for id_, user in resolved["users"].items()
        }
    return {**interaction.data, "resolved": shown}
