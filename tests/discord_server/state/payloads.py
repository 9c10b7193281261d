"""Discord's JSON for what there is."""

from typing import Any

from tests.discord_server.state.messages import File, Message, react_count
from tests.discord_server.state.permissions import channel_permissions
from tests.discord_server.state.places import Channel, ChannelKind, Guild, Member, Role, User
from tests.discord_server.state.snowflakes import time_of

Json = dict[str, Any]
JOINED = "2024-01-01T00:00:00+00:00"


def user_json(user: User) -> Json:
    return {
        "id": str(user.id),
        "username": user.name.lower().replace(" ", "_"),
        "global_name": None if user.bot else user.name,
        "discriminator": "0",
        "avatar": None,
        "bot": user.bot,
        "public_flags": 0,
    }


def member_json(member: Member, *, with_user: bool = True) -> Json:
    payload: Json = {
        "nick": member.nick,
        "avatar": None,
        "roles": [str(role) for role in member.roles],
        "joined_at": JOINED,
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
        "communication_disabled_until": None,
    }
    return {**payload, "user": user_json(member.user)} if with_user else payload


def role_json(role: Role) -> Json:
    return {
        "id": str(role.id),
        "name": role.name,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "icon": None,
        "unicode_emoji": None,
        "position": role.position,
        "permissions": str(role.permissions),
        "managed": False,
        "mentionable": False,
        "flags": 0,
    }


def channel_json(channel: Channel, for_user: int | None = None) -> Json:
    """A channel; with a user's permissions in it where Discord gives them (interactions)."""
    last = channel.last
    payload: Json = {
        "id": str(channel.id),
        "type": int(channel.kind),
        "last_message_id": str(last.id) if last else None,
        "flags": 0,
    }
    if for_user is not None:
        payload["permissions"] = str(int(channel_permissions(channel, for_user)))
    if channel.kind is ChannelKind.DM:
        people = [channel.recipient] if channel.recipient else []
        return {**payload, "recipients": [user_json(user) for user in people]}
    assert channel.guild is not None
    payload |= {"name": channel.name, "guild_id": str(channel.guild.id), "rate_limit_per_user": 0}
    if channel.parent is not None:
        return {**payload, **_thread_json(channel, channel.parent)}
    overwrites = [
        {"id": str(target), "type": rule.kind, "allow": str(rule.allow), "deny": str(rule.deny)}
        for target, rule in channel.overwrites.items()
    ]
    extra = {"position": 0, "topic": None, "nsfw": channel.age_restricted, "parent_id": None}
    return {**payload, **extra, "permission_overwrites": overwrites}


def _thread_json(thread: Channel, parent: Channel) -> Json:
    return {
        "parent_id": str(parent.id),
        "owner_id": str(thread.owner.id if thread.owner else 0),
        "message_count": len(thread.messages),
        "total_message_sent": len(thread.messages),
        "member_count": len(thread.thread_members),
        "thread_metadata": {
            "archived": thread.archived,
            "auto_archive_duration": 1440,
            "archive_timestamp": time_of(thread.id),
            "locked": False,
            "create_timestamp": time_of(thread.id),
        },
    }


def guild_json(guild: Guild, members: list[Member]) -> Json:
    """What GUILD_CREATE carries; without the members intent that is only the bot itself."""
    channels = list(guild.channels.values())
    return {
        "id": str(guild.id),
        "name": guild.name,
        "icon": None,
        "owner_id": str(guild.owner.id),
        "roles": [role_json(role) for role in guild.roles.values()],
        "channels": [channel_json(one) for one in channels if one.parent is None],
        "threads": [channel_json(one) for one in channels if one.parent is not None],
        "members": [member_json(member) for member in members],
        "member_count": len(guild.members),
        "large": False,
        "unavailable": False,
        "joined_at": JOINED,
        "preferred_locale": "en-US",
        "verification_level": 0,
        "default_message_notifications": 1,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "premium_tier": 0,
        "premium_progress_bar_enabled": False,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "features": [],
        "emojis": [],
        "stickers": [],
        "presences": [],
        "voice_states": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def ready_json(me: User, guilds: list[Guild], gateway_url: str, flags: int) -> Json:
    """READY without the session; the bot is to come back to this very server."""
    return {
        "v": 10,
        "user": {**user_json(me), "verified": True, "mfa_enabled": False, "flags": 0},
        "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
        "resume_gateway_url": gateway_url,
        "application": {"id": str(me.id), "flags": flags},
    }


def application_json(me: User, owner: User, flags: int, guilds: int) -> Json:
    """The bot's application; its id is the bot's, as with all newer applications."""
    return {
        "id": str(me.id),
        "name": me.name,
        "icon": None,
        "description": "",
        "bot_public": True,
        "bot_require_code_grant": False,
        "owner": user_json(owner),
        "bot": user_json(me),
        "verify_key": "0" * 64,
        "flags": flags,
        "team": None,
        "summary": "",
        "approximate_guild_count": guilds,
    }


def emoji_json(emoji: str) -> Json:
    return {"id": None, "name": emoji}


def file_json(file: File, base_url: str) -> Json:
    url = f"{base_url}/attachments/{file.id}/{file.name}"
    payload = {"id": str(file.id), "filename": file.name, "size": len(file.data)}
    if file.content_type is not None:
        payload["content_type"] = file.content_type
    return {**payload, "url": url, "proxy_url": url}


def message_json(message: Message, me: User, base_url: str, *, readable: bool) -> Json:
    """A message as the bot `me` gets it; without `readable` what it says is left out."""
    shown = readable or readable_anyway(message, me)
    payload: Json = {
        "id": str(message.id),
        "channel_id": str(message.channel.id),
        "author": user_json(message.author),
        "content": message.content if shown else "",
        "timestamp": time_of(message.id),
        "edited_timestamp": message.edited,
        "tts": False,
        "mention_everyone": message.mentions_everyone,
        "mentions": [_mentioned(message, user) for user in message.mentions],
        "mention_roles": [str(role) for role in message.mentioned_roles],
        "attachments": [file_json(file, base_url) for file in message.files] if shown else [],
        "embeds": message.embeds if shown else [],
        "components": message.components if shown else [],
        "pinned": False,
        "type": int(message.kind),
        "flags": message.flags,
    }
    if emojis := list(dict.fromkeys([*message.reactions, *message.bursts])):
        payload["reactions"] = [_reaction_json(message, emoji, me) for emoji in emojis]
    if message.nonce is not None:
        payload["nonce"] = message.nonce
    if message.webhook_id is not None:
        payload |= {"webhook_id": str(message.webhook_id)}
    if message.interaction is not None:
        payload |= {"interaction_metadata": message.interaction}
    payload |= _reference_json(message, me, base_url, readable=readable)
    guild = message.channel.guild
    if guild is not None and message.author.id in guild.members and message.webhook_id is None:
        payload["member"] = member_json(guild.members[message.author.id], with_user=False)
    return payload


def _reference_json(message: Message, me: User, base_url: str, *, readable: bool) -> Json:
    target = message.reference
    if target is None:
        return {}
    reference = {"type": 0, "message_id": str(target.id), "channel_id": str(target.channel.id)}
    if target.channel.guild is not None:
        reference["guild_id"] = str(target.channel.guild.id)
    if target.deleted:
        return {"message_reference": reference, "referenced_message": None}
    quoted = message_json(target, me, base_url, readable=readable)
    quoted.pop("referenced_message", None)  # Discord goes one step back, not further
    return {"message_reference": reference, "referenced_message": quoted}


def readable_anyway(message: Message, me: User) -> bool:
    """Whether the content comes along without the message-content intent."""
    in_dm = message.channel.kind is ChannelKind.DM
    return in_dm or message.author is me or me in message.mentions


def _mentioned(message: Message, user: User) -> Json:
    guild = message.channel.guild
    if guild is None or user.id not in guild.members:
        return user_json(user)
    return {
        **user_json(user),
        "member": member_json(guild.members[user.id], with_user=False),
    }


def _reaction_json(message: Message, emoji: str, me: User) -> Json:
    normal, burst = react_count(message, emoji)
    return {
        "emoji": emoji_json(emoji),
        "count": normal + burst,
        "count_details": {"normal": normal, "burst": burst},
        "me": me.id in message.reactions.get(emoji, ()),
        "me_burst": False,
        "burst_colors": [],
    }
