from types import SimpleNamespace
from typing import Any

import discord
import pytest

from bot.discord.incoming.links import MessageLink, links_in, may_read

GUILD, ROOM, MESSAGE = 111111111111111111, 222222222222222222, 333333333333333333
PLACE = f"channels/{GUILD}/{ROOM}/{MESSAGE}"
LINK = MessageLink(GUILD, ROOM, MESSAGE)


@pytest.mark.parametrize(
    ("text", "links"),
    [
        (f"see https://discord.com/{PLACE}.", [LINK]),
        (f"https://ptb.discord.com/{PLACE} https://canary.discord.com/{PLACE}", [LINK]),
        (f"<http://discordapp.com/{PLACE}>", [LINK]),
        (f"https://evil.example/discord.com/{PLACE}", []),
        (f"https://notdiscord.com/{PLACE}", []),
        (f"https://discord.com/channels/@me/{ROOM}/{MESSAGE}", []),
        (f"https://discord.com/channels/{GUILD}/{ROOM}", []),
        ("https://discord.com/" + PLACE + "0" * 9, []),
    ],
)
def test_which_links_lead_to_messages(text: str, links: list[MessageLink]):
    assert links_in(text) == links


def room(kind: type[Any], **allowed: bool) -> Any:
    """A channel of a kind, in which everybody may do this."""

    def permissions_for(_self: object, _member: object) -> discord.Permissions:
        return discord.Permissions(**allowed)

    special = type("Room", (kind,), {"permissions_for": permissions_for})
    return special.__new__(special)


@pytest.mark.parametrize(
    ("kind", "allowed", "expected"),
    [
        (discord.TextChannel, {"view_channel": True, "read_message_history": True}, True),
        (discord.TextChannel, {"view_channel": True}, False),
        (discord.TextChannel, {"read_message_history": True}, False),
        (discord.VoiceChannel, {"view_channel": True, "read_message_history": True}, False),
        (
            discord.VoiceChannel,
            {"view_channel": True, "read_message_history": True, "connect": True},
            True,
        ),
    ],
)
def test_who_may_read_a_channel(kind: type[Any], allowed: dict[str, bool], expected: bool):
    anybody: Any = object()
    assert may_read(room(kind, **allowed), anybody) is expected


def test_a_thread_whose_channel_is_hidden_is_closed():
    def fail(_: object) -> None:
        raise discord.ClientException

    hidden: Any = SimpleNamespace(permissions_for=fail)
    anybody: Any = object()
    assert not may_read(hidden, anybody)
