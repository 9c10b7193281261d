"""Who may do what where, after Discord's rules: owner, roles, then the channel's overwrites."""

from enum import IntFlag

from tests.discord_server.state.places import Channel, Guild


class Permission(IntFlag):
    """The permissions that a chat bot or its people may need."""

    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    SEND_MESSAGES_IN_THREADS = 1 << 38


ALL = Permission(sum(Permission))
EVERYONE = ALL & ~(
    Permission.ADMINISTRATOR
    | Permission.MANAGE_CHANNELS
    | Permission.MANAGE_GUILD
    | Permission.MANAGE_MESSAGES
    | Permission.MANAGE_THREADS
    | Permission.MENTION_EVERYONE
)
IN_A_DM = EVERYONE | Permission.MENTION_EVERYONE


def guild_permissions(guild: Guild, user_id: int) -> Permission:
    """What a member may do before any channel changes it."""
    if user_id == guild.owner.id:
        return ALL
    held = {guild.id, *guild.members[user_id].roles}
    granted = Permission(0)
    for role in guild.roles.values():
        if role.id in held:
            granted |= Permission(role.permissions)
    return ALL if Permission.ADMINISTRATOR in granted else granted


def channel_permissions(channel: Channel, user_id: int) -> Permission:
    """What a user may do in a channel; a thread goes by its parent."""
    guild = channel.guild
    if guild is None:
        return IN_A_DM
    if user_id not in guild.members:  # a webhook
        return EVERYONE
    granted = guild_permissions(guild, user_id)
    if granted == ALL:
        return ALL
    overwrites = (channel.parent or channel).overwrites
    roles = guild.members[user_id].roles
    for targets in ([guild.id], roles, [user_id]):
        changes = [overwrites[target] for target in targets if target in overwrites]
        for change in changes:
            granted &= ~Permission(change.deny)
        for change in changes:
            granted |= Permission(change.allow)
    return granted
