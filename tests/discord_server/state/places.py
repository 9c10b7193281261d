"""Users, guilds, roles and channels."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.discord_server.state.messages import Message


class ChannelKind(IntEnum):
    """Discord's channel types, as far as a chat bot meets them."""

    TEXT = 0
    DM = 1
    THREAD = 11


@dataclass(eq=False)
class User:
    id: int
    name: str
    bot: bool = False

    @property
    def mention(self) -> str:
        """What one types to name the user."""
        return f"<@{self.id}>"


@dataclass(eq=False)
class Role:
    id: int
    name: str
    permissions: int
    position: int = 1


@dataclass(eq=False)
class Member:
    user: User
    roles: list[int] = field(default_factory=list)
    nick: str | None = None


@dataclass(frozen=True)
class Overwrite:
    """What a channel allows and denies a role or a member (`kind` 0 and 1)."""

    kind: int
    allow: int = 0
    deny: int = 0


@dataclass(eq=False)
class Guild:
    id: int
    name: str
    owner: User
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    channels: dict[int, "Channel"] = field(default_factory=dict)


@dataclass(eq=False)
class Channel:
    id: int
    kind: ChannelKind
    name: str = ""
    guild: Guild | None = None
    parent: "Channel | None" = None  # of a thread
    owner: User | None = None  # who opened the thread
    recipient: User | None = None  # of a DM: the person
    age_restricted: bool = False
    archived: bool = False
    overwrites: dict[int, Overwrite] = field(default_factory=dict)
    messages: "dict[int, Message]" = field(default_factory=dict)
    thread_members: set[int] = field(default_factory=set)
    typed_at: list[float] = field(default_factory=list)  # when the bot showed that it types

    @property
    def last(self) -> "Message | None":
        """The newest message."""
        return next(reversed(self.messages.values()), None)
