"""What messages show, as discord.py makes them of Discord's own JSON."""

from typing import Any, cast

import discord
import pytest

from bot.chat.people import mention
from bot.discord.content.contents import MESSAGE_CHARS, Contents, contents_of, cut
from bot.discord.content.markup import MentionNames

ANN: dict[str, Any] = {
    "id": "333333333333333333", "username": "ann", "discriminator": "0", "avatar": None,
    "global_name": "Ann",
}  # fmt: skip
POLL_RESULT = [
    {"name": "poll_question_text", "value": "Best cake?"},
    {"name": "victor_answer_text", "value": "Carrot"},
    {"name": "victor_answer_votes", "value": "3"},
    {"name": "total_votes", "value": "5"},
]


def message(**changes: Any) -> discord.Message:
    """A message in a direct conversation."""
    client: Any = discord.Client(intents=discord.Intents.none())
    state, direct = client._connection, cast("Any", discord.DMChannel)
    payload: Any = {
        "id": "555555555555555555", "channel_id": "666666666666666666", "author": ANN,
        "content": "", "timestamp": "2024-06-05T07:08:09+00:00", "edited_timestamp": None,
        "tts": False, "mention_everyone": False, "mentions": [], "mention_roles": [],
        "attachments": [], "embeds": [], "components": [], "pinned": False, "type": 0, "flags": 0,
        **changes,
    }  # fmt: skip
    channel = direct._from_message(state, int(payload["channel_id"]))
    return discord.Message(state=state, channel=channel, data=payload)


def shown(**changes: Any) -> Contents:
    return contents_of(message(**changes), MentionNames())


def file(name: str, **changes: Any) -> dict[str, Any]:
    """An attachment as Discord tells of it."""
    address = f"https://cdn.example/{name}"
    return {"id": "1", "filename": name, "size": 5, "url": address, "proxy_url": address, **changes}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"type": 1, "mentions": [ANN]}, f"[added {mention(ANN['id'])}]"),
        ({"type": 2}, "[removed somebody]"),
        ({"type": 4, "content": "cake"}, "[changed the channel's name to: cake]"),
        ({"type": 6}, "[pinned a message]"),
        ({"type": 7}, "[joined the server]"),
        ({"type": 8}, "[boosted the server]"),
        ({"type": 8, "content": "3"}, "[boosted the server 3 times]"),
        ({"type": 10}, "[boosted the server, which has reached level 2]"),
        ({"type": 12, "content": "News"}, "[added to this channel the news of: News]"),
        ({"type": 18, "content": "Poem"}, "[started a thread: Poem]"),
        ({"type": 25}, "[subscribed]"),
        ({"type": 27, "content": "Talk"}, "[started the stage: Talk]"),
        ({"type": 31, "content": "Tea"}, "[changed the stage's topic to: Tea]"),
        ({"type": 44}, "[bought something]"),
        ({"type": 46, "embeds": [{"type": "poll_result", "fields": POLL_RESULT}]},
         "[the poll “Best cake?” has closed, won by Carrot (3 of 5 votes)]"),
        ({"type": 46, "embeds": [{"type": "poll_result", "fields": POLL_RESULT[:1]}]},
         "[the poll “Best cake?” has closed, without a winner]"),
        ({"type": 63, "content": "<:blob:123456789012345678>"}, "[added a new emoji: :blob:]"),
    ],
)  # fmt: skip
def test_system_messages_say_what_people_see(changes: dict[str, Any], line: str):
    assert shown(**changes).text == line


@pytest.mark.parametrize("kind", range(70))
def test_no_kind_of_message_is_too_much(kind: int):
    assert "hello" in shown(type=kind, content="hello", sticker_items=[
        {"id": "1", "name": "hello", "format_type": 1}
    ]).text  # fmt: skip


def test_an_embed_without_words_is_nothing():
    assert shown(embeds=[{"type": "image", "url": "https://x/y.png"}]).text == ""
    assert shown(embeds=[{"type": "rich", "title": " "}]).text == ""


def test_pictures_are_named_and_described_ones_can_be_read():
    seen = shown(
        content="look",
        attachments=[
            file("cat.png", content_type="image/png"),
            file("dog.png", content_type="image/png", description="A dog on a mat"),
            file("notes.txt"),
        ],
    )
    assert seen.text == "look\n[picture dog.png: A dog on a mat]"
    assert seen.unread == ("[picture cat.png]",)
    assert [one.filename for one in seen.files] == ["notes.txt"]
    assert not seen.is_whole
    assert seen.whole("\n\nnotes.txt:\nhi").endswith("mat]\n\nnotes.txt:\nhi\n[picture cat.png]")


def test_layouts_in_layouts_end():
    layout: dict[str, Any] = {"type": 10, "id": 1, "content": "deep"}
    for _ in range(3):
        layout = {"type": 17, "id": 1, "components": [layout]}
    assert shown(components=[layout]).text == "deep"
    for _ in range(50):
        layout = {"type": 17, "id": 1, "components": [layout]}
    assert shown(components=[layout]).text == ""


def test_a_message_has_a_bound_and_a_cut_is_seen():
    assert len(Contents("x" * 9000).whole()) == MESSAGE_CHARS
    assert cut("abcdef", 5) == "abc …"
    assert cut("abc", 3) == "abc"
    assert cut("abc", 0) == ""
    assert cut("ab" + mention("12345"), 6) == "ab …"
