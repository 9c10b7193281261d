from datetime import timedelta

from data.records import RequestMessage, RequestState

MESSAGES = [RequestMessage("chan", "m1", 0), RequestMessage("chan", "m2", 1)]


async def test_messages_of_a_running_request_are_known_in_order(store, new_request):
    request, _ = await store.add_request(new_request())
    for message in reversed(MESSAGES):
        await store.add_request_message(request.id, "discord", message)
    assert await store.request_messages(request.id) == MESSAGES


async def test_the_latest_message_of_a_position_counts(store, new_request):
    request, _ = await store.add_request(new_request())
    for message in (MESSAGES[0], RequestMessage("chan", "m9", 0)):
        await store.add_request_message(request.id, "discord", message)
    assert await store.request_messages(request.id) == [RequestMessage("chan", "m9", 0)]


async def test_a_delivered_answer_has_its_messages_and_is_done(store, answered, clock):
    answer = await answered(store, front_end="discord")
    await store.add_request_message(answer.request_id, "discord", MESSAGES[0])
    since = clock() - timedelta(hours=1)
    assert [r.id for r in await store.undelivered("discord", since)] == [answer.request_id]
    await store.delivered(answer.request_id, "discord", answer.id, MESSAGES)
    assert await store.answer_by_message("discord", "m2") == answer
    assert await store.request_messages(answer.request_id) == []
    assert await store.undelivered("discord", since) == []


async def test_undelivered_are_those_of_one_front_end_that_are_not_old(store, answered, clock):
    await answered(store, front_end="terminal")
    answer = await answered(store, front_end="discord")
    assert await store.undelivered("discord", clock() + timedelta(hours=1)) == []
    assert len(await store.undelivered("discord", answer.created_at)) == 1


async def test_an_end_without_an_answer_is_undelivered_while_a_message_waits_for_it(
    store, new_request, clock
):
    request, _ = await store.add_request(new_request(front_end="discord"))
    since = clock() - timedelta(hours=1)
    assert await store.undelivered("discord", since) == []  # it goes on
    await store.add_request_message(request.id, "discord", MESSAGES[0])
    await store.end(request.id, RequestState.FAILED, "It broke.")
    assert [r.state for r in await store.undelivered("discord", since)] == [RequestState.FAILED]
    await store.delivered(request.id, "discord", None, MESSAGES)
    assert await store.undelivered("discord", since) == []
    assert await store.answer_by_message("discord", "m1") is None


async def test_forgetting_a_person_takes_their_messages_along(store, answered, clock):
    answer = await answered(store, front_end="discord", user_id="ann")
    await store.add_request_message(answer.request_id, "discord", MESSAGES[0])
    await store.forget("ann")
    assert await store.request_messages(answer.request_id) == []
    assert await store.undelivered("discord", clock() - timedelta(hours=1)) == []
