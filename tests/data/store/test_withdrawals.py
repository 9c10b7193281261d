from datetime import timedelta

import pytest

from data.records import RatingKind, Reaction, RequestMessage, RequestState


@pytest.fixture
def read(store, answered, show):
    """Have a question answered and shown; gives its request as it was then, and the answer."""

    async def make(key, **changes):
        answer = await answered(store, source_key=key, **changes)
        await show(store, answer, f"m{answer.request_id}", front_end="test")
        return await store.request(answer.request_id), answer

    return make


async def test_all_answers_to_a_question_are_found(store, read):
    first, _ = await read("d:message:1:2")
    again, _ = await read("d:interaction:9")
    edited, _ = await read("d:message:1:2:77", prompt="new")
    await read("d:message:1:22")
    await read("d:interaction:8", conversation="another")
    found = await store.requests_about("d:message:1:2")
    assert [one.id for one in found] == [first.id, again.id, edited.id]
    assert await store.requests_about("d:message:1") != []
    assert await store.requests_about("d:message:3:3") == []


async def test_what_is_withdrawn_leaves_the_counts(store, read):
    request, answer = await read("d:message:1:2")
    (message,) = await store.messages_of(request.id)
    await store.react("test", Reaction(message.message_id, "bob", "👍", RatingKind.GOOD))
    await store.withdraw(request.id)
    left = await store.request(request.id)
    assert (left.prompt, left.turns, left.in_history) == ("", (), False)
    assert left.state is RequestState.FINISHED
    assert left.source_key == "d:message:1:2", "the same event makes no second request"
    kept = await store.answer_for(request.id)
    assert (kept.text, kept.variant) == ("", answer.variant)
    assert await store.messages_of(request.id) == []
    assert await store.answer_by_message("test", message.message_id) is None
    assert [rating.kind for rating in await store.ratings(answer.id)] == [RatingKind.GOOD]
    assert await store.undelivered("test", request.created_at) == []


async def test_what_had_not_ended_is_stopped(store, new_request):
    request, _ = await store.add_request(new_request())
    await store.add_request_message(request.id, "test", RequestMessage("c", "m", 0))
    await store.withdraw(request.id)
    assert (await store.request(request.id)).state is RequestState.STOPPED
    assert await store.unfinished() == []
    assert await store.messages_of(request.id) == []


async def test_the_newest_questions_that_messages_answer(store, new_request, read, clock):
    start = clock.time
    old, _ = await read("d:message:1:1")
    clock.advance(hours=2)
    one, _ = await read("d:message:1:2")
    two, _ = await read("d:message:1:3")
    await read("d:interaction:9")
    gone, _ = await read("d:message:1:4")
    await store.withdraw(gone.id)
    await store.add_request(new_request(source_key="d:message:1:5"))

    async def newest(since, limit=9):
        found = await store.questions_since(one.front_end, "d:message:", since, limit)
        return [request.id for request in found]

    assert await newest(start + timedelta(hours=1)) == [two.id, one.id]
    assert await newest(start) == [two.id, one.id, old.id]
    assert await newest(start, 1) == [two.id]


async def test_an_interrupted_request_can_be_reworded(store, new_request):
    request, _ = await store.add_request(new_request())
    await store.mark_running(request.id)
    assert await store.reword(request.id, "New", request.turns, interrupted=True)
    changed = await store.request(request.id)
    assert (changed.prompt, changed.state, changed.attempts) == ("New", RequestState.WAITING, 0)
    await store.end(request.id, RequestState.FAILED, "no")
    assert not await store.reword(request.id, "Newer", request.turns, interrupted=True)
