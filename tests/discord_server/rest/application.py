"""The bot itself, its commands, its guilds and their people."""

from tests.discord_server.rest.calls import Call
from tests.discord_server.rest.checks import check_command
from tests.discord_server.rest.router import Routes
from tests.discord_server.state.messages import Json
from tests.discord_server.state.payloads import (
    application_json,
    channel_json,
    guild_json,
    member_json,
    role_json,
    user_json,
)
from tests.discord_server.state.places import Guild
from tests.discord_server.state.refusals import Refused, unknown
from tests.discord_server.state.world import World

routes = Routes()
COMMANDS_MAX = 100


@routes("GET /users/@me")
def me(world: World, call: Call) -> Json:
    return {**user_json(world.me), "verified": True, "mfa_enabled": False, "flags": 0}


@routes("GET /users/{user}")
def user(world: World, call: Call) -> Json:
    try:
        return user_json(world.users[int(call.args["user"])])
    except KeyError:
        raise unknown("User", 10013) from None


@routes("POST /users/@me/channels")
def open_dm(world: World, call: Call) -> Json:
    return channel_json(world.dm(world.users[int(call.body["recipient_id"])]))


@routes("GET /gateway/bot")
def gateway(world: World, call: Call) -> Json:
    limit = {"total": 1000, "remaining": 999, "reset_after": 14_400_000, "max_concurrency": 1}
    return {"url": world.gateway_url, "shards": world.shards, "session_start_limit": limit}


@routes("GET /oauth2/applications/@me")
def application(world: World, call: Call) -> Json:
    return application_json(world.me, world.owner, world.flags, len(world.guilds))


@routes("GET /applications/@me")
def own_application(world: World, call: Call) -> Json:
    return application(world, call)


@routes("GET /applications/{application}/commands")
def list_commands(world: World, call: Call) -> list[Json]:
    return list(world.commands.commands.values())


@routes("PUT /applications/{application}/commands")
def write_commands(world: World, call: Call) -> list[Json]:
    if len(call.body) > COMMANDS_MAX:
        raise Refused(400, 30032, "Maximum number of application commands reached (100)")
    commands: list[Json] = []
    for command in call.body:
        check_command(command)
        ids = {"id": str(world.new_id()), "version": str(world.new_id())}
        commands.append({**as_discord_keeps_it(command), "application_id": str(world.me.id), **ids})
    world.commands.replace(commands)
    return commands


def as_discord_keeps_it(command: Json) -> Json:
    """A command as Discord gives it back: what was left out is filled in, numbers become texts."""
    permissions = command.get("default_member_permissions")
    filled = {
        "type": 1, "description": "", "nsfw": False, "dm_permission": True,
        "name_localizations": None, "description_localizations": None, "contexts": None,
        "integration_types": [0],
    }  # fmt: skip
    return {
        **filled,
        **{key: value for key, value in command.items() if value is not None},
        "default_member_permissions": None if permissions is None else str(permissions),
        "options": [_option(option) for option in command.get("options") or []],
    }


def _option(option: Json) -> Json:
    kept = {key: value for key, value in option.items() if value is not False and value != []}
    nested = [_option(one) for one in option.get("options") or []]
    return {**kept, "name_localizations": None, **({"options": nested} if nested else {})}


@routes("GET /users/@me/guilds")
def my_guilds(world: World, call: Call) -> list[Json]:
    return [
        {"id": str(one.id), "name": one.name, "icon": None, "owner": False,
         "permissions": str(one.roles[one.id].permissions), "features": []}
        for one in world.guilds.values()
    ]  # fmt: skip


def _guild(world: World, call: Call) -> Guild:
    try:
        return world.guilds[int(call.args["guild"])]
    except KeyError:
        raise unknown("Guild", 10004) from None


@routes("GET /guilds/{guild}")
def get_guild(world: World, call: Call) -> Json:
    left_out = ("channels", "threads", "members", "member_count", "joined_at", "voice_states")
    payload = guild_json(_guild(world, call), [])
    return {key: value for key, value in payload.items() if key not in left_out}


@routes("GET /guilds/{guild}/channels")
def guild_channels(world: World, call: Call) -> list[Json]:
    channels = _guild(world, call).channels.values()
    return [channel_json(one) for one in channels if one.parent is None]


@routes("GET /guilds/{guild}/roles")
def guild_roles(world: World, call: Call) -> list[Json]:
    return [role_json(role) for role in _guild(world, call).roles.values()]


@routes("GET /guilds/{guild}/members/{user}")
def guild_member(world: World, call: Call) -> Json:
    try:
        return member_json(_guild(world, call).members[int(call.args["user"])])
    except KeyError:
        raise unknown("Member", 10007) from None
