"""DiscordChatExporter's JSON: replies and what they reply to, marked as content of Discord."""

import json

import pytest

from data.errors import DatasetError
from tests.fakes.one_source import open_source
from training.sources.formats import Format
from training.sources.reading import Reading, open_sources
from training.sources.reasons import DroppedRow, DropReason
from training.sources.row import SourceRow


def message(number, text, to=None, *, kind="Reply", bot=False):
    return {
        "id": str(1100000000000000000 + number), "type": kind if to else "Default",
        "timestamp": "2024-01-01T00:00:00+00:00", "timestampEdited": None, "isPinned": False,
        "content": text, "attachments": [], "embeds": [], "reactions": [], "mentions": [],
        "author": {"id": f"7{number}", "name": "ann", "discriminator": "0000", "isBot": bot},
    } | ({"reference": {"messageId": str(1100000000000000000 + to), "channelId": "5",
                        "guildId": "6"}} if to else {})  # fmt: skip


def export(*messages):
    return json.dumps(
        {"guild": {"id": "6", "name": "Soup"}, "channel": {"id": "5", "type": "GuildTextChat"},
         "dateRange": {"after": None, "before": None}, "exportedAt": "2024-01-02",
         "messages": list(messages), "messageCount": len(messages)},
        indent=2,
    )  # fmt: skip


MESSAGES = (message(1, "soup?"), message(2, "yes", 1), message(3, "on its own"))
PAIR = SourceRow("item 2", "soup?", "yes", author="72")


@pytest.mark.parametrize("indent", [2, None])
def test_replies_are_joined_and_the_file_is_known_as_discord(write, tmp_path, indent):
    content = json.dumps(json.loads(export(*MESSAGES)), indent=indent)
    opened = open_source(write("a.json", content), Reading(), tmp_path)
    assert (opened.format, opened.is_discord) == (Format.DISCORD, True)
    assert list(opened.rows) == [PAIR]


def test_messages_alone_are_known_too(write, tmp_path):
    path = write("a.jsonl", "\n".join(map(json.dumps, MESSAGES)))
    opened = open_source(path, Reading(), tmp_path)
    assert opened.is_discord
    assert [row.reply for row in opened.rows if isinstance(row, SourceRow)] == ["yes"]


def test_bots_are_dropped_and_notices_of_the_channel_are_none(write, read):
    rows = read(write("a.json", export(
        MESSAGES[0], message(2, "beep", 1, bot=True), message(3, "hush", 2),
        message(4, "pinned", 1, kind="ChannelPinnedMessage"), message(5, "lost", 9),
    )))  # fmt: skip
    assert rows == [
        DroppedRow(DropReason.BOT, "item 2", "beep"),
        DroppedRow(DropReason.BOT, "item 3", "hush"),
        DroppedRow(DropReason.NO_PARENT, "item 5", "lost"),
    ]


def test_a_channel_may_lie_in_several_files(write, tmp_path):
    paths = [write(f"a{n}.json", export(one)) for n, one in enumerate(MESSAGES)]
    with open_sources(paths, Reading(), tmp_path) as opened:
        rows = [list(one.rows) for one in opened]
    assert rows == [[], [SourceRow("item 1", "soup?", "yes", author="72")], []]


def test_a_message_that_cannot_be_read_is_counted_or_refused(write, read):
    path = write("a.json", export(*MESSAGES, message(4, 5, 1) | {"id": "x"}))
    assert read(path)[0] == DroppedRow(
        DropReason.BROKEN, "item 4", "id must be the id of a message, not 'x'"
    )
    with pytest.raises(DatasetError, match=r"a\.json, item 4: id must be the id of a message"):
        read(path, Reading(strict=True))


@pytest.mark.parametrize(
    "header",
    ["AuthorID,Author,Date,Content,Attachments,Reactions", "ID,Timestamp,Contents,Attachments"],
)
def test_exports_without_replies_are_refused_by_name(write, read, header):
    with pytest.raises(DatasetError, match="is an export of Discord that does not say what"):
        read(write("messages.csv", f"{header}\n"))


def test_a_pretty_chat_is_no_export(write, tmp_path):
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    path = write("a.json", json.dumps({"messages": turns}, indent=2))
    opened = open_source(path, Reading(), tmp_path)
    assert not opened.is_discord
    assert [(row.comment, row.reply) for row in opened.rows if isinstance(row, SourceRow)] == [
        ("a", "b")
    ]
