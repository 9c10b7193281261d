"""Messages and what hangs on them."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from tests.discord_server.state.places import Channel, User

EPHEMERAL = 1 << 6
LOADING = 1 << 7
COMPONENTS_V2 = 1 << 15
SUPPRESS_EMBEDS = 1 << 2
Json = dict[str, Any]


class MessageKind(IntEnum):
    DEFAULT = 0
    REPLY = 19
    COMMAND = 20
    MENU_COMMAND = 23


@dataclass(frozen=True)
class Revision:
    """How a message looked from a moment (the loop's clock) on."""

    at: float
    content: str
    components: list[Json]


@dataclass(frozen=True)
class File:
    id: int
    name: str
    data: bytes
    content_type: str | None = None


@dataclass(eq=False)
class Message:
    id: int
    channel: Channel
    author: User
    content: str = ""
    kind: MessageKind = MessageKind.DEFAULT
    reference: "Message | None" = None
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    reactions: dict[str, set[int]] = field(default_factory=dict)
    bursts: dict[str, set[int]] = field(default_factory=dict)  # super reactions, by their own
    mentions: list[User] = field(default_factory=list)  # those it notifies
    mentions_everyone: bool = False
    mentioned_roles: list[int] = field(default_factory=list)
    flags: int = 0
    interaction: Json | None = None
    webhook_id: int | None = None
    application_id: int | None = None  # of the bot that owns the webhook
    nonce: str | int | None = None
    edited: str | None = None
    extra: Json = field(default_factory=dict)  # what it shows besides: a poll, stickers, a forward
    deleted: bool = False
    revisions: list[Revision] = field(default_factory=list)

    @property
    def ephemeral(self) -> bool:
        """Whether only the one who caused it sees it."""
        return bool(self.flags & EPHEMERAL)

    @property
    def thinking(self) -> bool:
        """Whether it still is the "is thinking…" of a deferred answer."""
        return bool(self.flags & LOADING)

    @property
    def buttons(self) -> list[Json]:
        """All buttons, from left to right and top to bottom."""
        return [item for item in walk(self.components) if item["type"] == 2]

    @property
    def labels(self) -> list[str]:
        """What the buttons say: their label, else their emoji."""
        return [label(button) for button in self.buttons]

    @property
    def texts(self) -> str:
        """All that can be read: content, embeds, text displays."""
        parts = [self.content]
        for embed in self.embeds:
            parts += [embed.get("title") or "", embed.get("description") or ""]
            parts += [f"{item['name']}\n{item['value']}" for item in embed.get("fields", [])]
            parts.append((embed.get("footer") or {}).get("text", ""))
        parts += [item["content"] for item in walk(self.components) if item["type"] == 10]
        return "\n".join(filter(None, parts))


def react_count(message: Message, emoji: str) -> tuple[int, int]:
    """How many reacted: the usual way, and with a super reaction."""
    return len(message.reactions.get(emoji, ())), len(message.bursts.get(emoji, ()))


def label(button: Json) -> str:
    """What a button says."""
    return button.get("label") or (button.get("emoji") or {}).get("name") or ""


def walk(components: list[Json]) -> list[Json]:
    """Every component, also inside rows, sections and containers."""
    found: list[Json] = []
    for item in components:
        found.append(item)
        found += walk(item.get("components") or [])
        found += walk([item["component"]] if "component" in item else [])
        found += walk([item["accessory"]] if "accessory" in item else [])
    return found
