"""Channels, messages with their attachments, threads, and typing."""

from typing import Any

from tests.discord_server.rest.calls import Call
from tests.discord_server.rest.checks import check_length, check_message
from tests.discord_server.rest.router import Routes
from tests.discord_server.state.messages import (
    EPHEMERAL,
    LOADING,
    SUPPRESS_EMBEDS,
    File,
    Json,
    Message,
)
from tests.discord_server.state.payloads import channel_json
from tests.discord_server.state.permissions import Permission, channel_permissions
from tests.discord_server.state.places import Channel, ChannelKind
from tests.discord_server.state.refusals import (
    Refused,
    archived,
    kept_back,
    missing_access,
    missing_permissions,
    no_history,
    unknown,
)
from tests.discord_server.state.world import World

routes = Routes()
MESSAGE = "/channels/{channel}/messages/{message}"


def allowed(world: World, channel: Channel, *wanted: Permission) -> None:
    """Refuse what the bot may not do here, as Discord does."""
    able = channel_permissions(channel, world.me.id)
    if Permission.VIEW_CHANNEL not in able:
        raise missing_access()
    if any(one not in able for one in wanted):
        raise missing_permissions()


def speaking(channel: Channel) -> Permission:
    """The permission to write here."""
    in_thread = channel.kind is ChannelKind.THREAD
    return Permission.SEND_MESSAGES_IN_THREADS if in_thread else Permission.SEND_MESSAGES


def forbid_words(world: World, body: Json) -> None:
    """Refuse what AutoMod keeps back."""
    said = (body.get("content") or "").lower()
    if any(word in said for word in world.forbidden_words):
        raise kept_back()


@routes("GET /channels/{channel}")
def get_channel(world: World, call: Call) -> Json:
    channel = world.channel(call.args["channel"])
    allowed(world, channel)
    return channel_json(channel)


@routes("POST /channels/{channel}/messages")
def send_message(world: World, call: Call) -> Json:
    channel = world.channel(call.args["channel"])
    wanted = [speaking(channel)]
    if call.files:
        wanted.append(Permission.ATTACH_FILES)
    allowed(world, channel, *wanted)
    if call.body.get("message_reference"):
        able = channel_permissions(channel, world.me.id)
        if Permission.READ_MESSAGE_HISTORY not in able:
            raise no_history()
    forbid_words(world, call.body)
    check_message(call.body, len(call.files))
    earlier = _with_nonce(world, channel, call.body)
    if earlier is not None:
        return world.shown(earlier)
    if (call.body.get("flags") or 0) & (EPHEMERAL | LOADING):
        raise Refused(400, 50035, "only interactions have such flags")
    return world.shown(world.post(world.make(channel, world.me, call.body, call.files)))


def _with_nonce(world: World, channel: Channel, body: Json) -> Message | None:
    """The message that the bot sent with this nonce, where it asked for that check."""
    if not body.get("enforce_nonce") or body.get("nonce") is None:
        return None
    newest = [one for one in channel.messages.values() if one.id > world.nonces_after]
    mine = [one for one in newest[-50:] if one.author is world.me and one.nonce == body["nonce"]]
    return mine[-1] if mine else None


@routes("GET /channels/{channel}/messages")
def list_messages(world: World, call: Call) -> list[Json]:
    channel = world.channel(call.args["channel"])
    allowed(world, channel, Permission.READ_MESSAGE_HISTORY)
    limit = int(call.query.get("limit", 50))
    found = list(channel.messages.values())
    if "before" in call.query:
        found = [one for one in found if one.id < int(call.query["before"])][-limit:]
    elif "after" in call.query:
        found = [one for one in found if one.id > int(call.query["after"])][:limit]
    elif "around" in call.query:
        middle = int(call.query["around"])
        found = sorted(found, key=lambda one: abs(one.id - middle))[:limit]
    newest_first = sorted(found, key=lambda one: one.id, reverse=True)[:limit]
    return [world.shown(message) for message in newest_first]


@routes("GET " + MESSAGE)
def get_message(world: World, call: Call) -> Json:
    channel = world.channel(call.args["channel"])
    allowed(world, channel, Permission.READ_MESSAGE_HISTORY)
    return world.shown(world.message(channel, call.args["message"]))


@routes("PATCH " + MESSAGE)
def edit_message(world: World, call: Call) -> Json:
    channel = world.channel(call.args["channel"])
    allowed(world, channel)
    message = world.message(channel, call.args["message"])
    if message.author is not world.me:
        if set(call.body) <= {"flags"} and (call.body["flags"] or 0) & SUPPRESS_EMBEDS:
            allowed(world, channel, Permission.MANAGE_MESSAGES)
            return world.shown(message)
        raise Refused(403, 50005, "Cannot edit a message authored by another user")
    check_message(call.body, len(call.files), new=False)
    forbid_words(world, call.body)
    if channel.archived:
        raise archived()
    world.write(message, call.body, call.files)
    world.edited(message)
    return world.shown(message)


@routes("PATCH /channels/{channel}")
def edit_channel(world: World, call: Call) -> Json:
    channel = world.channel(call.args["channel"])
    allowed(world, channel)
    if "archived" in call.body:
        channel.archived = call.body["archived"]
    return channel_json(channel)


@routes("DELETE " + MESSAGE)
def delete_message(world: World, call: Call) -> None:
    channel = world.channel(call.args["channel"])
    message = world.message(channel, call.args["message"])
    mine = message.author is world.me
    allowed(world, channel, *([] if mine else [Permission.MANAGE_MESSAGES]))
    world.delete(message)


@routes("GET /attachments/{attachment}/{name}")
def download(world: World, call: Call) -> File:
    """A file as its message's `url` leads to it; no part of the API, and open to all."""
    try:
        return world.files[int(call.args["attachment"])]
    except KeyError:
        raise unknown("attachment", 0) from None


@routes("POST /channels/{channel}/typing")
def typing(world: World, call: Call) -> None:
    channel = world.channel(call.args["channel"])
    allowed(world, channel, speaking(channel))
    channel.typed_at.append(world.clock())


@routes("POST /channels/{channel}/threads")
def start_thread(world: World, call: Call) -> Json:
    return _start_thread(world, world.channel(call.args["channel"]), call.body)


@routes(f"POST {MESSAGE}/threads")
def start_thread_from_message(world: World, call: Call) -> Json:
    channel = world.channel(call.args["channel"])
    message = world.message(channel, call.args["message"])
    if message.id in world.channels:
        raise Refused(400, 160004, "A thread has already been created for this message")
    return _start_thread(world, channel, call.body, message.id)


def _start_thread(
    world: World, channel: Channel, body: dict[str, Any], id_: int | None = None
) -> Json:
    allowed(world, channel, Permission.CREATE_PUBLIC_THREADS)
    check_length("name", body["name"], 100, 1)
    if any(word in body["name"].lower() for word in world.forbidden_words):
        raise Refused(400, 200001, "Title was blocked by automatic moderation")
    thread = world.add_thread(channel, world.me, body["name"], id_)
    payload = channel_json(thread)
    world.announce("THREAD_CREATE", thread, {**payload, "newly_created": True})
    return payload


@routes("PUT /channels/{channel}/thread-members/@me")
def join_thread(world: World, call: Call) -> None:
    world.channel(call.args["channel"]).thread_members.add(world.me.id)


@routes("PUT /channels/{channel}/thread-members/{user}")
def add_to_thread(world: World, call: Call) -> None:
    thread = world.channel(call.args["channel"])
    allowed(world, thread, speaking(thread))
    thread.thread_members.add(int(call.args["user"]))
