"""What stands on Discord is read back as it was written there."""

import pytest

from bot.chat.events import Ended, Finished
from bot.discord.answer.button_row import custom_id
from bot.discord.answer.evidence import AnswerShown, EndShown, ShownMessage, end_shown
from bot.discord.answer.picture import Picture, RequestProgress, picture
from data.records import RequestState
from tests.bot.discord.answer.test_picture import answer, finished, request


def on_discord(look: Picture) -> list[ShownMessage]:
    """The messages as Discord gives them back: blanks around are cut off."""
    last = len(look.contents) - 1
    return [
        ShownMessage(
            content.strip(),
            tuple(custom_id(kind, look.row.request_id) for kind in look.row.kinds)
            if look.row and place == last
            else (),
        )
        for place, content in enumerate(look.contents)
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("Hello", "stop"), ("Cut he", "length"), ("# Title\n\n- one\n- two", "stop")],
)
def test_a_finished_answer(text: str, reason: str):
    seen = on_discord(picture(finished(text, finish_reason=reason, notices=("A remark.",))))
    assert end_shown(7, seen) == AnswerShown(text, "tuned", RequestState.FINISHED, reason)


def test_a_stopped_answer():
    stopped = Finished(answer("Hi"), request(RequestState.STOPPED))
    seen = on_discord(picture(RequestProgress(7, outcome=stopped)))
    assert end_shown(7, seen) == AnswerShown("Hi", "tuned", RequestState.STOPPED, "abort")


def test_an_empty_answer():
    for thought in (False, True):
        progress = finished("")
        progress.thought = thought
        seen = end_shown(7, on_discord(picture(progress)))
        assert isinstance(seen, AnswerShown)
        assert seen.text == ""


def test_a_long_answer_is_put_together_without_the_ends_of_its_code():
    code = "```py\n" + "x = 1  # a line of code\n" * 120 + "```"
    seen = end_shown(7, on_discord(picture(finished(f"Look:\n{code}"))))
    assert isinstance(seen, AnswerShown)
    assert seen.text == f"Look:\n{code}"


def test_what_is_being_written_has_not_ended():
    assert end_shown(7, []) is None
    for progress in (RequestProgress(7, text="Hel"), RequestProgress(7, note="-# ⏳ next")):
        assert end_shown(7, on_discord(picture(progress))) is None
    assert end_shown(7, [ShownMessage("Hi\n-# tuned", (custom_id("again", 8),))]) is None


@pytest.mark.parametrize("text", ["", "half of it"])
@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (RequestState.WAITING, None),
        (RequestState.STOPPED, EndShown(RequestState.STOPPED, "Why.")),
        (RequestState.FAILED, EndShown(RequestState.FAILED, "Why.")),
        (RequestState.EXPIRED, EndShown(RequestState.FAILED, "Why.")),
    ],
)
def test_an_end_without_an_answer(text: str, state: RequestState, wanted: EndShown | None):
    look = picture(RequestProgress(7, text=text, outcome=Ended(state, "Why.")))
    assert end_shown(7, on_discord(look)) == wanted
