"""All there is on this Discord, and the changes that its bot hears of."""

from collections.abc import Callable, Iterable
from typing import Any

from tests.discord_server.gateway import Gateway, Intent, Session
from tests.discord_server.state.commands import CommandBook
from tests.discord_server.state.interactions import Interaction
from tests.discord_server.state.mentions import notified
from tests.discord_server.state.messages import (
    COMPONENTS_V2,
    File,
    Json,
    Message,
    MessageKind,
    Revision,
)
from tests.discord_server.state.payloads import (
    emoji_json,
    guild_json,
    member_json,
    message_json,
    ready_json,
)
from tests.discord_server.state.permissions import EVERYONE, Permission, channel_permissions
from tests.discord_server.state.places import Channel, ChannelKind, Guild, Member, Role, User
from tests.discord_server.state.refusals import unknown_channel, unknown_message
from tests.discord_server.state.snowflakes import Snowflakes, now_stamp
from tests.discord_server.watch import Watch

CONTENT_GRANTED = 1 << 19  # of the application's flags: for bots in fewer than 100 guilds
TOKEN = "wire.test.token"


class World:
    """The state. Every change here is dispatched to the gateway's sessions that asked for it.

    `content_granted` says whether the portal grants the message-content intent. `me` is the bot.
    """

    def __init__(
        self, watch: Watch, clock: Callable[[], float], *, content_granted: bool, shards: int
    ) -> None:
        self.new_id = Snowflakes()
        self.clock = clock
        self.watch = watch
        self.content_granted = content_granted
        self.shards = shards
        self.base_url = ""
        self.me = User(self.new_id(), "FunGPT", bot=True)
        self.owner = User(self.new_id(), "Olivia")
        self.users: dict[int, User] = {self.me.id: self.me, self.owner.id: self.owner}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.files: dict[int, File] = {}
        self.commands = CommandBook()
        self.nonces_after = 0  # the newest message whose nonce is forgotten
        self.forbidden_words: set[str] = set()  # what AutoMod keeps back, in lower case
        self.listeners: list[Callable[[Message], None]] = []  # hear of new and changed messages
        self.interactions: dict[str, Interaction] = {}  # by token
        self.gateway = Gateway(watch, TOKEN, self._welcome)
        if not content_granted:
            self.gateway.allowed &= ~Intent.MESSAGE_CONTENT

    @property
    def gateway_url(self) -> str:
        """Where the gateway is."""
        return self.base_url.replace("http", "ws", 1) + "/gateway"

    @property
    def flags(self) -> int:
        """The application's flags."""
        return CONTENT_GRANTED if self.content_granted else 0

    def add_user(self, name: str, *, bot: bool = False) -> User:
        user = User(self.new_id(), name, bot)
        self.users[user.id] = user
        for guild in self.guilds.values():
            guild.members[user.id] = Member(user)
        return user

    def add_guild(self, name: str, guild_id: int | None = None) -> Guild:
        """A guild with everybody in it, the bot too; for bots that connect later."""
        guild = Guild(guild_id or self.new_id(), name, self.owner)
        guild.roles[guild.id] = Role(guild.id, "@everyone", int(EVERYONE), 0)
        guild.members = {user.id: Member(user) for user in self.users.values()}
        self.guilds[guild.id] = guild
        return guild

    def add_channel(self, guild: Guild, name: str, **details: Any) -> Channel:
        channel = Channel(self.new_id(), ChannelKind.TEXT, name, guild, **details)
        return self._keep(channel)

    def add_thread(
        self, parent: Channel, owner: User, name: str, id_: int | None = None
    ) -> Channel:
        """A public thread; one begun from a message has that message's id."""
        thread = Channel(
            id_ or self.new_id(), ChannelKind.THREAD, name, parent.guild, parent, owner,
            age_restricted=parent.age_restricted,
        )  # fmt: skip
        thread.thread_members = {owner.id, self.me.id}
        return self._keep(thread)

    def dm(self, user: User) -> Channel:
        """The channel between the bot and a person."""
        for channel in self.channels.values():
            if channel.recipient is user:
                return channel
        return self._keep(Channel(self.new_id(), ChannelKind.DM, recipient=user))

    def _keep(self, channel: Channel) -> Channel:
        self.channels[channel.id] = channel
        if channel.guild is not None:
            channel.guild.channels[channel.id] = channel
        return channel

    def channel(self, id_: str | int) -> Channel:
        """The channel of that id, or Refused."""
        try:
            return self.channels[int(id_)]
        except KeyError:
            raise unknown_channel() from None

    def message(self, channel: Channel, id_: str | int) -> Message:
        """The message of that id, or Refused."""
        try:
            return channel.messages[int(id_)]
        except KeyError:
            raise unknown_message() from None

    def make(
        self, channel: Channel, author: User, body: Json, files: Iterable[File] = ()
    ) -> Message:
        """A message that is not yet anywhere."""
        message = Message(self.new_id(), channel, author)
        reference = body.get("message_reference")
        if reference and reference.get("type", 0) == 0:
            target = self.channel(reference.get("channel_id", channel.id))
            message.reference = target.messages.get(int(reference["message_id"]))
            if message.reference is None and reference.get("fail_if_not_exists", True):
                raise unknown_message()
            message.kind = MessageKind.REPLY if message.reference else MessageKind.DEFAULT
        message.flags = body.get("flags") or 0
        message.nonce = body.get("nonce")
        self.write(message, body, files)
        return message

    def write(self, message: Message, body: Json, files: Iterable[File] = ()) -> None:
        """Change what a message says, by the fields that `body` has."""
        if "content" in body:
            message.content = body["content"] or ""
        message.embeds = body["embeds"] or [] if "embeds" in body else message.embeds
        message.components = (
            body["components"] or [] if "components" in body else message.components
        )
        if message.components and (body.get("flags") or 0) & COMPONENTS_V2:
            message.flags |= COMPONENTS_V2
        if "attachments" in body:
            kept = {int(one["id"]) for one in body["attachments"] or [] if int(one["id"]) > 999}
            message.files = [file for file in message.files if file.id in kept]
        for file in files:
            stored = File(self.new_id(), file.name, file.data, file.content_type)
            self.files[stored.id] = stored
            message.files.append(stored)
        self._notify(message, body.get("allowed_mentions"))
        now = self.clock()
        message.revisions.append(Revision(now, message.content, message.components))

    def _notify(self, message: Message, allowed: Json | None) -> None:
        replied_to = message.reference.author.id if message.reference else None
        able = channel_permissions(message.channel, message.author.id)
        may = Permission.MENTION_EVERYONE in able and message.channel.guild is not None
        reached = notified(message.content, allowed, replied_to, may_everyone=may)
        message.mentions = [self.users[one] for one in reached.users if one in self.users]
        message.mentioned_roles = reached.roles
        message.mentions_everyone = reached.everyone

    def post(self, message: Message) -> Message:
        """Let a message appear in its channel."""
        if not message.ephemeral:
            message.channel.messages[message.id] = message
        self._tell(message, "MESSAGE_CREATE")
        return message

    def repeat(self, message: Message) -> None:
        """Tell of a message once more."""
        self._tell(message, "MESSAGE_CREATE")

    def edited(self, message: Message) -> None:
        """Tell of a message that was written anew."""
        message.edited = now_stamp()
        self._tell(message, "MESSAGE_UPDATE")

    def delete(self, message: Message) -> None:
        message.deleted = True
        message.channel.messages.pop(message.id, None)
        data = self._place(message.channel) | {"id": str(message.id)}
        self._dispatch("MESSAGE_DELETE", message.channel, _messages(message.channel), data)

    def react(self, message: Message, user: User, emoji: str, *, burst: bool = False) -> None:
        people = (message.bursts if burst else message.reactions).setdefault(emoji, set())
        if user.id in people:
            return
        people.add(user.id)
        guild = message.channel.guild
        extra: Json = {"message_author_id": str(message.author.id)}
        if guild is not None:
            extra["member"] = member_json(guild.members[user.id])
        self._tell_reaction("MESSAGE_REACTION_ADD", message, emoji, user, burst=burst, **extra)

    def unreact(self, message: Message, user: User, emoji: str, *, burst: bool = False) -> None:
        kept = message.bursts if burst else message.reactions
        if user.id not in kept.get(emoji, ()):
            return
        kept[emoji].discard(user.id)
        if not kept[emoji]:
            del kept[emoji]
        self._tell_reaction("MESSAGE_REACTION_REMOVE", message, emoji, user, burst=burst)

    def clear_reactions(self, message: Message, emoji: str | None = None) -> None:
        """A moderator takes all reactions away, or all of one emoji."""
        for kept in (message.reactions, message.bursts):
            for one in list(kept) if emoji is None else [emoji]:
                kept.pop(one, None)
        what = "ALL" if emoji is None else "EMOJI"
        self._tell_reaction(f"MESSAGE_REACTION_REMOVE_{what}", message, emoji, None)

    def announce(self, event: str, channel: Channel, data: Json) -> None:
        """Tell of a channel or thread."""
        self._dispatch(event, channel, Intent.GUILDS, data)

    def shown(self, message: Message, *, readable: bool | None = None) -> Json:
        """A message as REST gives it to the bot."""
        by_portal = self.content_granted if readable is None else readable
        return message_json(message, self.me, self.base_url, readable=by_portal)

    def _tell(self, message: Message, event: str) -> None:
        for listener in self.listeners:
            listener(message)
        if message.ephemeral:
            self.watch.changed()
            return
        place = self._place(message.channel)

        def data(session: Session) -> Json:
            readable = Intent.MESSAGE_CONTENT in session.intents
            return place | message_json(message, self.me, self.base_url, readable=readable)

        guild = message.channel.guild
        intent = _messages(message.channel)
        self.gateway.dispatch(event, guild.id if guild else None, intent, data)

    def _tell_reaction(
        self, event: str, message: Message, emoji: str | None, user: User | None,
        *, burst: bool = False, **extra: Any,
    ) -> None:  # fmt: skip
        data = self._place(message.channel) | {"message_id": str(message.id), **extra}
        if emoji is not None:
            data["emoji"] = emoji_json(emoji)
        if user is not None:
            data |= {"user_id": str(user.id), "burst": burst, "type": int(burst)}
        in_guild = message.channel.guild is not None
        intent = Intent.GUILD_REACTIONS if in_guild else Intent.DM_REACTIONS
        self._dispatch(event, message.channel, intent, data)

    def _dispatch(self, event: str, channel: Channel, intent: Intent, data: Json) -> None:
        guild_id = channel.guild.id if channel.guild else None
        self.gateway.dispatch(event, guild_id, intent, lambda _: data)

    def _place(self, channel: Channel) -> Json:
        place = {"channel_id": str(channel.id)}
        return place if channel.guild is None else {**place, "guild_id": str(channel.guild.id)}

    def _welcome(self, session: Session) -> tuple[Json, list[Json]]:
        guilds = [one for one in self.guilds.values() if session.has_shard_of(one.id)]
        everybody = Intent.MEMBERS in session.intents
        payloads = [
            guild_json(one, list(one.members.values()) if everybody else [one.members[self.me.id]])
            for one in guilds
        ]
        return ready_json(self.me, guilds, self.gateway_url, self.flags), payloads


def _messages(channel: Channel) -> Intent:
    return Intent.DM_MESSAGES if channel.guild is None else Intent.GUILD_MESSAGES
