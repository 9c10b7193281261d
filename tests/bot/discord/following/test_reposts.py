from types import SimpleNamespace
from typing import Any

import pytest

from bot.discord.following.reposts import REMEMBERED, WITHIN_S, Repost, Reposts, is_copy
from tests.bot.rig import ManualClock

BOT = "<@123456789012345678>"
HOOK, OWNER = 7, 8


def message(
    number: int, content: str, *, channel: int = 1, files: int = 0, hook: int | None = None
) -> Any:
    return SimpleNamespace(
        id=number,
        content=content,
        channel=SimpleNamespace(id=channel),
        attachments=["a file"] * files,
        webhook_id=hook,
        application_id=None if hook is None else OWNER,
    )


ORIGINAL = message(1, f"A: {BOT} hi")
COPY = message(2, f"{BOT} hi", hook=HOOK)


@pytest.fixture
def time() -> ManualClock:
    return ManualClock()


@pytest.fixture
def reposts(time: ManualClock) -> Reposts:
    made = Reposts(time.clock)
    made.said(ORIGINAL)
    return made


@pytest.mark.parametrize("order", ["mcd", "mdc", "cmd", "cdm", "dmc", "dcm"])
def test_the_last_of_three_events_completes_a_pair(reposts: Reposts, order: str):
    events = {
        "m": lambda: reposts.meant(ORIGINAL),
        "c": lambda: reposts.posted(COPY),
        "d": lambda: reposts.deleted(ORIGINAL.id),
    }
    *first, last = [events[one]() for one in order]
    assert first == [None, None]
    assert last == Repost(ORIGINAL, COPY)
    assert reposts.posted(COPY) is None, "each counts once"


def test_what_takes_too_long_is_no_pair(reposts: Reposts, time: ManualClock):
    reposts.meant(ORIGINAL)
    time.advance(WITHIN_S + 1)
    reposts.deleted(ORIGINAL.id)
    assert reposts.posted(COPY) is None


def test_a_copy_that_is_gone_as_well_is_none(reposts: Reposts):
    reposts.meant(ORIGINAL)
    reposts.posted(COPY)
    assert reposts.deleted(COPY.id) is None
    assert reposts.deleted(ORIGINAL.id) is None


def test_how_bots_answer_commands_is_no_copy(reposts: Reposts):
    reposts.meant(ORIGINAL)
    reposts.deleted(ORIGINAL.id)
    assert reposts.posted(message(2, COPY.content, hook=OWNER)) is None
    assert reposts.posted(message(3, COPY.content)) is None


def test_what_is_remembered_is_bounded(reposts: Reposts):
    for number in range(100, 100 + REMEMBERED):
        reposts.said(message(number, "hi"))
    reposts.meant(ORIGINAL)
    reposts.deleted(ORIGINAL.id)
    assert reposts.posted(COPY) is None


@pytest.mark.parametrize(
    ("said", "copied", "same"),
    [
        (f"A: {BOT} hi", f"{BOT} hi", True),
        (f"{BOT} hi -a", f"{BOT} hi", True),
        (f"{BOT} hi", f"{BOT} hi", True),
        ("hello you -a", "hello you", True),
        (f"{BOT} hi", "hi", False),
        (f"{BOT} hi", f"{BOT} ho", False),
        (f"{BOT} hi", f"Ann said: {BOT} hi", False),
        ("a long message of many words", "words", False),
        (f"{BOT} hi", "", False),
    ],
)
def test_a_copy_says_the_same_but_for_its_marks(said: str, copied: str, same: bool):
    assert is_copy(message(2, copied), message(1, said)) is same


def test_a_copy_stands_in_the_same_channel_and_may_be_all_files():
    assert not is_copy(message(2, "hi", channel=5), message(1, "hi"))
    assert is_copy(message(2, "", files=1), message(1, "A:", files=1))
    assert not is_copy(message(2, "", files=1), message(1, "A:", files=2))
