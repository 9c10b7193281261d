"""Reactions."""

from urllib.parse import unquote

from tests.discord_server.rest.calls import Call
from tests.discord_server.rest.channel import MESSAGE, allowed
from tests.discord_server.rest.router import Routes
from tests.discord_server.state.messages import Json, Message
from tests.discord_server.state.payloads import user_json
from tests.discord_server.state.permissions import Permission
from tests.discord_server.state.refusals import Refused
from tests.discord_server.state.world import World

routes = Routes()
REACTION = MESSAGE + "/reactions/{emoji}"
DIFFERENT_MAX = 20


def _meant(world: World, call: Call, *wanted: Permission) -> tuple[Message, str]:
    channel = world.channel(call.args["channel"])
    allowed(world, channel, *wanted)
    message = world.message(channel, call.args["message"])
    return message, unquote(call.args["emoji"]) if "emoji" in call.args else ""


@routes(f"PUT {REACTION}/@me")
def add_reaction(world: World, call: Call) -> None:
    message, emoji = _meant(world, call, Permission.READ_MESSAGE_HISTORY)
    if emoji not in message.reactions:
        _meant(world, call, Permission.ADD_REACTIONS)
        if len(message.reactions) >= DIFFERENT_MAX:
            raise Refused(403, 30010, "Maximum number of reactions reached (20)")
    if emoji.isascii():
        raise Refused(400, 10014, "Unknown Emoji")
    world.react(message, world.me, emoji)


@routes(f"DELETE {REACTION}/@me")
def remove_own_reaction(world: World, call: Call) -> None:
    message, emoji = _meant(world, call)
    world.unreact(message, world.me, emoji)


@routes(f"DELETE {REACTION}/{{user}}")
def remove_reaction(world: World, call: Call) -> None:
    message, emoji = _meant(world, call, Permission.MANAGE_MESSAGES)
    world.unreact(message, world.users[int(call.args["user"])], emoji)


@routes(f"GET {REACTION}")
def list_reactions(world: World, call: Call) -> list[Json]:
    """The people, by id; `type` 1 are the super reactions."""
    message, emoji = _meant(world, call, Permission.READ_MESSAGE_HISTORY)
    kept = message.bursts if call.query.get("type") == "1" else message.reactions
    after, limit = int(call.query.get("after", 0)), int(call.query.get("limit", 25))
    people = sorted(one for one in kept.get(emoji, ()) if one > after)
    return [user_json(world.users[one]) for one in people[:limit]]
