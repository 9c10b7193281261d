"""What people do on this Discord, and what a test looks at: the tests' whole interface."""

import itertools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from tests.discord_server.gateway import Intent
from tests.discord_server.rest.calls import CallLog
from tests.discord_server.rest.limits import Rule
from tests.discord_server.rest.router import Router
from tests.discord_server.state.interaction_payload import interaction_json
from tests.discord_server.state.interactions import (
    ANSWER_LIMIT_S,
    Interaction,
    InteractionKind,
    ResponseKind,
)
from tests.discord_server.state.messages import File, Json, Message, label
from tests.discord_server.state.payloads import channel_json
from tests.discord_server.state.permissions import Permission
from tests.discord_server.state.places import Channel, ChannelKind, Guild, Overwrite, User
from tests.discord_server.state.world import TOKEN, World
from tests.discord_server.watch import LIMIT_S

_Value = TypeVar("_Value")
_LATE_S = 1.0  # how much later than Discord's limit we give up to wait ourselves


class Discord:
    """People write, react, click and type; `until` waits for what the bot makes of it."""

    def __init__(self, world: World, router: Router) -> None:
        self.world = world
        self.router = router
        self.gateway = world.gateway
        self.fault = router.faults.order
        self.guild: Guild = world.add_guild("Test guild")
        self._names = itertools.count(1)

    # Where it is, and what happened.

    @property
    def environment(self) -> dict[str, str]:
        """The settings that lead `python -m bot` here."""
        return {
            "DISCORD_TOKEN": TOKEN,
            "DISCORD_API_URL": f"{self.world.base_url}/api/v10",
            "DISCORD_GATEWAY_URL": self.world.gateway_url,
        }

    @property
    def me(self) -> User:
        """The bot's user."""
        return self.world.me

    @property
    def calls(self) -> CallLog:
        """Every REST call of the bot."""
        return self.router.calls

    @property
    def now(self) -> float:
        """The clock that calls and revisions are stamped with."""
        return self.world.clock()

    async def until(
        self, predicate: Callable[[], _Value], what: str = "", *, limit_s: float = LIMIT_S
    ) -> _Value:
        """Wait for `predicate` to give something true; see Watch."""
        return await self.world.watch.until(predicate, what, limit_s=limit_s)

    async def until_online(self, *, since: int = 0, limit_s: float = LIMIT_S) -> None:
        """Wait until all of the bot's shards are connected, having identified since then."""
        await self.until(
            lambda: (
                self.gateway.identified > since and len(self.gateway.connected) >= self.world.shards
            ),
            "the bot is connected",
            limit_s=limit_s,
        )

    def from_bot(self, channel: Channel) -> list[Message]:
        """The bot's messages in a channel, oldest first."""
        return [one for one in channel.messages.values() if one.author is self.me]

    def replies(self, message: Message) -> list[Message]:
        """The bot's replies to a message."""
        return [one for one in self.from_bot(message.channel) if one.reference is message]

    # Making the place.

    def user(self, name: str | None = None, *, bot: bool = False) -> User:
        """A new person (or another bot), in the guild."""
        return self.world.add_user(name or f"Person {next(self._names)}", bot=bot)

    def channel(self, name: str | None = None, *, age_restricted: bool = False) -> Channel:
        """A new channel of the guild, which connected bots hear of."""
        channel = self.world.add_channel(
            self.guild, name or f"channel-{next(self._names)}", age_restricted=age_restricted
        )
        self.world.announce("CHANNEL_CREATE", channel, channel_json(channel))
        return channel

    def thread(self, parent: Channel, owner: User, name: str = "a thread") -> Channel:
        """A new thread that a person opened."""
        return self.opened(self.world.add_thread(parent, owner, name))

    def opened(self, thread: Channel) -> Channel:
        """Let connected bots hear of a new thread."""
        data = {**channel_json(thread), "newly_created": True}
        self.world.announce("THREAD_CREATE", thread, data)
        return thread

    def forum(self, name: str = "forum") -> Channel:
        """A new forum of the guild, which connected bots hear of."""
        forum = self.world.add_channel(self.guild, name, kind=ChannelKind.FORUM)
        self.world.announce("CHANNEL_CREATE", forum, channel_json(forum))
        return forum

    async def open_post(self, forum: Channel, owner: User, title: str, text: str) -> Message:
        """Open a forum post: a thread whose first message has the thread's own id."""
        id_ = self.world.new_id()
        post = self.opened(self.world.add_thread(forum, owner, title, id_))
        message = self.world.make(post, owner, {"content": text})
        message.id = id_
        return self.world.post(message)

    def dm(self, user: User) -> Channel:
        """The person's direct messages with the bot."""
        return self.world.dm(user)

    def deny(self, channel: Channel, who: User | None, permissions: Permission) -> None:
        """Take permissions in a channel away from somebody, or from everyone."""
        target = self.guild.id if who is None else who.id
        kind = 0 if who is None else 1
        channel.overwrites[target] = Overwrite(kind, deny=int(permissions))
        self.world.announce("CHANNEL_UPDATE", channel, channel_json(channel))

    def allow(self, channel: Channel, who: User, permissions: Permission) -> None:
        """Give somebody permissions in a channel, as a moderator's."""
        channel.overwrites[who.id] = Overwrite(1, allow=int(permissions))
        self.world.announce("CHANNEL_UPDATE", channel, channel_json(channel))

    # What people do.

    async def say(
        self,
        channel: Channel,
        user: User,
        text: str,
        *,
        reply_to: Message | None = None,
        ping: bool = True,
        files: Iterable[File] = (),
        webhook: bool = False,
    ) -> Message:
        """Write a message; `ping` False is the reply whose @ was switched off."""
        body: Json = {"content": text}
        if reply_to is not None:
            place = {"message_id": reply_to.id, "channel_id": reply_to.channel.id}
            allowed = {"parse": ["users", "roles", "everyone"], "replied_user": ping}
            body |= {"message_reference": place, "allowed_mentions": allowed}
        message = self.world.make(channel, user, body, files)
        message.webhook_id = user.id if webhook else None
        return self.world.post(message)

    async def say_again(self, message: Message) -> None:
        """Discord sends the event of a message a second time, as it may after a resume."""
        self.world.repeat(message)

    async def edit(self, message: Message, text: str) -> None:
        """A person changes what they wrote."""
        self.world.write(message, {"content": text})
        self.world.edited(message)

    async def delete(self, message: Message) -> None:
        """Somebody who may deletes a message."""
        self.world.delete(message)

    async def delete_together(self, *messages: Message) -> None:
        """A moderator purges messages of one channel."""
        self.world.delete_together(list(messages))

    async def unfurl(self, message: Message, title: str) -> None:
        """Discord adds the preview of a link: an event as for an edit, though nobody edits."""
        message.embeds = [{"type": "link", "title": title}]
        self.world.changed(message)

    async def proxy(
        self, channel: Channel, name: str, text: str, *, webhook: int = 77, owner: int = 78
    ) -> Message:
        """What a proxy bot posts through its webhook under somebody's name."""
        hook = User(webhook << 22, name, bot=True)
        message = self.world.make(channel, hook, {"content": text})
        message.webhook_id, message.application_id = hook.id, owner << 22
        return self.world.post(message)

    async def react(self, message: Message, user: User, emoji: str, *, burst: bool = False) -> None:
        self.world.react(message, user, emoji, burst=burst)

    async def unreact(
        self, message: Message, user: User, emoji: str, *, burst: bool = False
    ) -> None:
        self.world.unreact(message, user, emoji, burst=burst)

    async def clear_reactions(self, message: Message, emoji: str | None = None) -> None:
        """A moderator removes all reactions, or all of one emoji."""
        self.world.clear_reactions(message, emoji)

    async def slash(self, channel: Channel, user: User, command: str, **values: Any) -> Interaction:
        """Type `/command`; given back once the bot has answered or deferred, in 3 s or never."""
        data = self.world.commands.slash(command, values)
        return await self._interact(InteractionKind.COMMAND, channel, user, data)

    async def autocomplete(
        self,
        channel: Channel,
        user: User,
        command: str,
        option: str,
        typed: str = "",
        **values: Any,
    ) -> list[Any]:
        """The values offered while somebody types an option."""
        data = self.world.commands.slash(command, {**values, option: typed}, focused=option)
        interaction = await self._interact(InteractionKind.AUTOCOMPLETE, channel, user, data)
        return [choice["value"] for choice in interaction.choices]

    async def menu(self, message: Message, user: User, entry: str) -> Interaction:
        """Choose an entry of a message's context menu."""
        data = self.world.commands.menu(entry) | {"target_id": str(message.id)}
        in_full = self.world.shown(message, readable=True)
        data["resolved"] = {"messages": {str(message.id): in_full}}
        return await self._interact(InteractionKind.COMMAND, message.channel, user, data)

    async def click(self, message: Message, user: User, wanted: str) -> Interaction:
        """Click the button whose label contains `wanted`; AssertionError where there is none."""
        found = [one for one in message.buttons if wanted.lower() in label(one).lower()]
        assert found, f"no button {wanted!r} among {message.labels}"
        assert not found[0].get("disabled"), f"the button {wanted!r} is disabled"
        data = {"custom_id": found[0]["custom_id"], "component_type": 2}
        return await self._interact(InteractionKind.COMPONENT, message.channel, user, data, message)

    async def submit(self, asked: Interaction, **values: str) -> Interaction:
        """Fill in the modal that an interaction opened; by the fields' custom ids."""
        assert asked.modal is not None
        fields = [{"type": 4, "custom_id": name, "value": value} for name, value in values.items()]
        rows = [{"type": 1, "components": [field]} for field in fields]
        data = {"custom_id": asked.modal["custom_id"], "components": rows}
        return await self._interact(
            InteractionKind.MODAL, asked.channel, asked.user, data, asked.message
        )

    async def settled(self, interaction: Interaction, *, limit_s: float = LIMIT_S) -> Interaction:
        """Wait until a deferred answer says something."""
        await self.until(
            lambda: interaction.settled, "an answer to the interaction", limit_s=limit_s
        )
        return interaction

    # What goes wrong.

    def limit(self, route: str, calls: int, per_s: float, *, hidden: bool = False) -> None:
        """Set a route's rate limit."""
        self.router.limits.rules[route] = Rule(calls, per_s, hidden)

    def forget_nonces(self) -> None:
        """What Discord does after some minutes: the same nonce makes a new message again."""
        self.world.nonces_after = self.world.new_id()

    def in_order_again(self) -> None:
        """No further faults, no special limits, no words that AutoMod keeps back."""
        self.world.forbidden_words.clear()
        self.router.faults.clear()
        self.router.limits.rules.clear()

    async def _interact(
        self,
        kind: InteractionKind,
        channel: Channel,
        user: User,
        data: Json,
        message: Message | None = None,
    ) -> Interaction:
        interaction = Interaction(self.world.new_id(), kind, user, channel, self.now, data, message)
        self.world.interactions[interaction.token] = interaction
        payload = interaction_json(self.world, interaction)
        guild_id = channel.guild.id if channel.guild else None
        self.gateway.dispatch("INTERACTION_CREATE", guild_id, Intent(0), lambda _: payload)
        await self.until(
            lambda: interaction.response is not None,
            f"an answer to {kind.name} {data.get('name') or data.get('custom_id')} in time",
            limit_s=ANSWER_LIMIT_S + _LATE_S,
        )
        assert interaction.kind is not InteractionKind.AUTOCOMPLETE or (
            interaction.response is ResponseKind.CHOICES
        )
        return interaction
