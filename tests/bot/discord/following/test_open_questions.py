from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from bot.discord.following import open_questions as module
from bot.discord.following.doubts import PAUSE_S, Doubts
from bot.discord.following.open_questions import OpenQuestions, Wordings
from tests.bot.rig import ManualClock

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def message(number: int = 1, content: str = "hi", edited: datetime | None = None) -> Any:
    channel = SimpleNamespace(id=5)
    return SimpleNamespace(
        id=number, content=content, edited_at=edited, attachments=[], channel=channel
    )


async def test_a_message_is_followed_once_until_its_end():
    questions = OpenQuestions()
    question = questions.begin(message())
    assert question is not None
    assert questions.begin(message()) is None
    assert questions.edited(message(content="ho"))
    assert (question.message.content, question.edition) == ("ho", 1)
    questions.gone(question.key)
    assert question.is_gone
    questions.end(question)
    assert not questions.edited(message())
    await questions.ended(question.key)


def test_whole_places_can_go():
    questions = OpenQuestions()
    question = questions.begin(message())
    assert question is not None
    questions.gone_with(lambda place: place.id == 6)
    assert not question.is_gone
    questions.gone_with(lambda place: place.id == 5)
    assert question.is_gone


def test_an_edit_is_told_from_previews_and_pins(monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED", 2)
    wordings = Wordings()
    wordings.note(message())
    assert not wordings.is_edit(message()), "nobody edited it"
    assert wordings.is_edit(message(content="ho", edited=NOW))
    assert not wordings.is_edit(message(content="ho", edited=NOW)), "a preview comes after that"
    later = NOW + timedelta(seconds=5)
    assert not wordings.is_edit(message(content="ho", edited=later)), "it says the same"
    assert wordings.is_edit(message(2, edited=NOW)), "of an unknown message that is all one knows"
    wordings.note(message(3))
    assert not wordings.knows(1)
    assert wordings.knows(2)


def test_what_cannot_be_known_is_logged_now_and_then(caplog):
    time = ManualClock()
    doubts = Doubts(time.clock)
    for _ in range(3):
        doubts.note(ValueError("the disk is full"))
    assert len(caplog.records) == 1
    time.advance(PAUSE_S)
    doubts.note(ValueError("the disk is full"))
    assert "2 more since" in caplog.records[1].getMessage()
