import asyncio
from dataclasses import asdict, replace
from typing import Any

import pytest

from data.errors import StoreConflict
from data.records import AnsweredState, RequestState
from data.store.store import Store


@pytest.mark.parametrize("state", [RequestState.FINISHED, RequestState.STOPPED])
async def test_an_answer_ends_its_request(
    store: Store, new_request, new_answer, clock, state: AnsweredState
) -> None:
    request, _ = await store.add_request(new_request())
    running = await store.mark_running(request.id)
    clock.advance(seconds=2)
    new = new_answer(first_token_ms=None, adapter_hash=None, text="Wet.\0\ud800")
    answer = await store.finish(request.id, new, state)
    assert asdict(answer) == asdict(new) | {
        "text": "Wet.\ufffd\ufffd",
        "id": answer.id,
        "request_id": request.id,
        "created_at": clock.time,
    }
    assert await store.answer_for(request.id) == answer
    assert await store.request(request.id) == replace(running, state=state, ended_at=clock.time)


async def test_the_first_answer_stands(store: Store, new_request, new_answer) -> None:
    request, _ = await store.add_request(new_request())
    await store.mark_running(request.id)
    answers = await asyncio.gather(
        *(store.finish(request.id, new_answer(text=text)) for text in "abc")
    )
    assert {answer.text for answer in answers} == {"a"}
    late = await store.finish(request.id, new_answer(text="late"), RequestState.STOPPED)
    assert late == answers[0]
    assert (await store.request(request.id)).state == "finished"
    assert not await store.end(request.id, RequestState.FAILED)


async def test_an_answer_to_what_does_not_run_is_refused(
    store: Store, new_request, new_answer
) -> None:
    request, _ = await store.add_request(new_request())
    with pytest.raises(StoreConflict, match="is waiting, so it cannot become finished"):
        await store.finish(request.id, new_answer())
    await store.end(request.id, RequestState.EXPIRED)
    with pytest.raises(StoreConflict, match="is expired, so it cannot become finished"):
        await store.finish(request.id, new_answer())
    with pytest.raises(StoreConflict, match="does not exist"):
        await store.finish(99, new_answer())
    assert await store.answer_for(request.id) is None


async def test_an_answer_that_does_not_fit_leaves_the_request_running(
    store: Store, new_request, new_answer
) -> None:
    request, _ = await store.add_request(new_request())
    await store.mark_running(request.id)
    with pytest.raises(StoreConflict, match="total_ms"):
        await store.finish(request.id, new_answer(total_ms=-1))
    assert (await store.request(request.id)).state == "running"
    assert await store.answer_for(request.id) is None


async def test_the_last_answer_is_the_conversations_newest(
    store: Store, new_request, new_answer, answered
) -> None:
    assert await store.last_answer("room") is None
    early, _ = await store.add_request(new_request())
    await store.mark_running(early.id)
    await answered(store)
    await answered(store, conversation="elsewhere")
    last = await store.finish(early.id, new_answer(text="slow"))
    assert await store.last_answer("room") == last


async def test_history_has_what_later_turns_may_build_on(
    store: Store, new_request, new_answer, answered
) -> None:
    shown = await answered(store, prompt="one")
    await answered(store, prompt="other room", conversation="elsewhere")
    await answered(store, prompt="aside", in_history=False)
    await answered(store, prompt="nothing said", answer={"text": ""})
    failed, _ = await store.add_request(new_request(prompt="failed"))
    await store.end(failed.id, RequestState.FAILED)
    stopped, _ = await store.add_request(new_request(prompt="stopped"))
    await store.mark_running(stopped.id)
    part = await store.finish(stopped.id, new_answer(text="Half an"), RequestState.STOPPED)
    await store.add_request(new_request(prompt="waiting"))

    history = await store.history("room")
    assert [(request.prompt, answer) for request, answer in history] == [
        ("one", shown),
        ("stopped", part),
    ]
    assert all(request.id == answer.request_id for request, answer in history)


async def test_history_is_the_newest_part_oldest_first(store: Store, answered, clock) -> None:
    for prompt in "abcd":
        await answered(store, prompt=prompt)
        clock.advance(minutes=1)

    async def prompts(**limits: Any) -> str:
        return "".join(request.prompt for request, _ in await store.history("room", **limits))

    assert await prompts() == "abcd"
    assert await prompts(limit=2) == "cd"
    assert await prompts(limit=0) == ""
    assert await prompts(since=clock.time) == ""
    clock.advance(minutes=-2)
    assert await prompts(since=clock.time) == "cd"


async def test_a_reset_hides_what_came_before_in_its_conversation(
    store: Store, new_request, new_answer, answered, clock
) -> None:
    await answered(store, prompt="before")
    await answered(store, prompt="untouched", conversation="elsewhere")
    running, _ = await store.add_request(new_request(prompt="still running"))
    await store.mark_running(running.id)

    await store.reset("room")

    await store.finish(running.id, new_answer())
    clock.advance(hours=-1)  # even a clock set back hides nothing that comes after
    await answered(store, prompt="after")
    assert [request.prompt for request, _ in await store.history("room")] == ["after"]
    assert len(await store.history("elsewhere")) == 1


async def test_an_answer_is_found_by_each_of_its_messages(store: Store, answered, show) -> None:
    answer, other = await answered(store), await answered(store)
    await show(store, answer, "100", "101")
    await show(store, other, "102")
    assert await store.answer_by_message("discord", "100") == answer
    assert await store.answer_by_message("discord", "101") == answer
    assert await store.answer_by_message("discord", "102") == other
    assert await store.answer_by_message("discord", "103") is None
    assert await store.answer_by_message("terminal", "100") is None


async def test_the_latest_word_about_a_message_counts(store: Store, answered, show) -> None:
    answer, other = await answered(store), await answered(store)
    for _ in range(2):
        await show(store, answer, "100")
    await show(store, other, "100")
    assert await store.answer_by_message("discord", "100") == other
    with pytest.raises(StoreConflict, match="FOREIGN KEY"):
        await show(store, replace(answer, id=99), "104")
