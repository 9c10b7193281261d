from datetime import UTC, datetime

import pytest

from bot.chat.events import Ended, Finished
from bot.discord import phrases
from bot.discord.answer.button_row import finished_row, running_row
from bot.discord.answer.picture import RequestProgress, picture
from bot.discord.answer.splitting import units
from bot.worker.status import WorkerPhase, WorkerStatus
from data.records import Answer, Request, RequestState
from tests.fakes.sampling import stored_sampling

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def request(state: RequestState = RequestState.FINISHED) -> Request:
    return Request(
        id=7, source_key="k", conversation="c", front_end="discord", user_id="1",
        user_name="Ann", prompt="p", turns=(), variant="tuned", sampling=stored_sampling(),
        state=state, attempts=1, created_at=NOW,
    )  # fmt: skip


def answer(text: str, finish_reason: str = "stop") -> Answer:
    return Answer(
        id=1, request_id=7, created_at=NOW, text=text, variant="tuned", adapter_hash=None,
        model_id="tiny", finish_reason=finish_reason, prompt_tokens=1, completion_tokens=1,
        queue_ms=0, first_token_ms=1, total_ms=1,
    )  # fmt: skip


def finished(text: str, *, notices: tuple[str, ...] = (), **changes: str) -> RequestProgress:
    outcome = Finished(answer(text, **changes), request())
    return RequestProgress(7, text=text, outcome=outcome, notices=notices)


def test_nothing_to_say_shows_nothing():
    assert picture(RequestProgress(7)).contents == ()
    assert picture(RequestProgress(7, text="\n ")).contents == ()


def test_a_note_stands_until_there_is_text():
    assert picture(RequestProgress(7, note="wait")).contents == ("wait",)
    running = picture(RequestProgress(7, note="wait", text="Hel"))
    assert (running.contents, running.row) == (("Hel",), running_row(7))


def test_an_answer_says_which_variant_spoke():
    done = picture(finished("Hello"))
    assert (done.contents, done.row) == (("Hello\n-# tuned",), finished_row(7))


def test_remarks_stand_above_the_variant():
    assert picture(finished("Hi", notices=("No pictures.",))).contents == (
        "Hi\n-# No pictures.\n-# tuned",
    )


def test_why_it_ends_early_is_said():
    assert (
        picture(finished("Hi", finish_reason="length"))
        .contents[0]
        .endswith("-# tuned · cut at the length limit")
    )
    stopped = Finished(answer("Hi"), request(RequestState.STOPPED))
    assert picture(RequestProgress(7, outcome=stopped)).contents == ("Hi\n-# tuned · stopped",)


def test_an_empty_answer_is_not_an_empty_message():
    assert picture(finished("  ")).contents == (f"{phrases.EMPTY_ANSWER}\n-# tuned",)


@pytest.mark.parametrize("length", [1985, 1991, 1992, 2000, 2001, 3999, 6000])
def test_the_footer_always_finds_room(length: int):
    contents = picture(finished("a" * length)).contents
    assert contents[-1].endswith("\n-# tuned")
    assert all(units(content) <= 2000 for content in contents)
    assert "".join(contents).removesuffix("\n-# tuned") == "a" * length


def test_only_what_can_be_seen_becomes_a_message():
    contents = picture(finished("a" + "\n" * 5000 + "b")).contents
    assert all(content.strip() for content in contents)
    assert contents[0].startswith("a")
    assert contents[-1].strip() == "b\n-# tuned"


@pytest.mark.parametrize(
    ("state", "content"),
    [
        (RequestState.WAITING, "-# 💤 It ended."),
        (RequestState.STOPPED, "-# It ended."),
        (RequestState.FAILED, "⚠️ It ended."),
        (RequestState.EXPIRED, "⚠️ It ended."),
    ],
)
def test_an_end_without_an_answer(state: RequestState, content: str):
    shown = picture(RequestProgress(7, outcome=Ended(state, "It ended.")))
    assert (shown.contents, shown.row) == ((content,), None)
    half = picture(RequestProgress(7, text="half", outcome=Ended(state, "It ended.")))
    stays = "" if state is RequestState.WAITING else "half\n"
    assert (half.contents, half.row) == ((f"{stays}{content}",), None)


def test_the_place_in_line():
    assert phrases.queued(1, None) == "-# ⏳ You are next in line."
    assert phrases.queued(3, 12.4) == "-# ⏳ You are number 3 in line, about 12 s."
    assert phrases.queued(3, 600) == "-# ⏳ You are number 3 in line, about 10 min."


@pytest.mark.parametrize(
    ("status", "part"),
    [
        (WorkerStatus(WorkerPhase.READY), None),
        (WorkerStatus(WorkerPhase.LOADING, "weights", 0.42), "42%"),
        (WorkerStatus(WorkerPhase.STARTING), "waking up."),
        (WorkerStatus(WorkerPhase.RESTARTING), "being restarted"),
        (WorkerStatus(WorkerPhase.FAILED), "down"),
    ],
)
def test_the_worker_explains_the_silence(status: WorkerStatus, part: str | None):
    note = phrases.worker_note(status)
    assert note is None if part is None else note is not None and part in note
