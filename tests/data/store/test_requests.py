import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import StoreConflict
from data.records import NewAnswer, NewRequest, Request, RequestState, Sampling, Turn
from data.store.store import Store
from tests.fakes.sampling import stored_sampling

Make = Callable[..., NewRequest]


async def test_a_request_is_stored_as_it_was_asked(store: Store, new_request: Make, clock) -> None:
    new = new_request(in_history=False)
    request, is_new = await store.add_request(new)
    assert is_new
    assert {key: value for key, value in asdict(request).items() if key in asdict(new)} == asdict(
        new
    )
    assert (request.state, request.attempts) == (RequestState.WAITING, 0)
    assert request.created_at == clock.time
    assert await store.request(request.id) == request


@pytest.mark.parametrize(
    "sampling",
    [
        stored_sampling(),
        stored_sampling(temperature=0.0, top_k=40, seed=2**70, stop=("###", "\n", "\x1b")),
    ],
)
async def test_sampling_comes_back_exactly(
    store: Store, new_request: Make, sampling: Sampling
) -> None:
    request, _ = await store.add_request(new_request(sampling=sampling))
    assert (await store.request(request.id)).sampling == sampling


async def test_the_same_event_seen_twice_makes_one_request(store: Store, new_request: Make) -> None:
    first, _ = await store.add_request(new_request(source_key="message-1"))
    await store.mark_running(first.id)
    again, is_new = await store.add_request(new_request(source_key="message-1", prompt="other"))
    assert not is_new
    assert (again.id, again.prompt, again.state) == (first.id, first.prompt, "running")
    assert await store.request_from("message-1") == again
    assert await store.request_from("message-2") is None


async def test_the_same_event_seen_at_once_makes_one_request(
    store: Store, new_request: Make
) -> None:
    new = [new_request(source_key="message-1") for _ in range(20)]
    results = await asyncio.gather(*(store.add_request(each) for each in new))
    assert len({request.id for request, _ in results}) == 1
    assert sum(is_new for _, is_new in results) == 1


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("", ""),
        ("lone \ud800 and \udfff", "lone \ufffd and \ufffd"),
        ("\ud83d\ude00", "😀"),
        ("nul \0 inside", "nul \ufffd inside"),
        ("\x01\x1b[31m\x7f\x9b \u202e <|im_end|> [INST] '; DROP TABLE requests; --", None),
        ("long " * 20_000, None),
    ],
)
async def test_any_text_can_be_stored(
    store: Store, new_request: Make, text: str, stored: str | None
) -> None:
    stored = text if stored is None else stored
    new = new_request(
        prompt=text,
        source_key=text,
        user_name=text,
        turns=(Turn("user", text),),
        sampling=stored_sampling(stop=(text,)),
    )
    added, _ = await store.add_request(new)
    request = await store.request(added.id)
    assert request.prompt == request.user_name == request.source_key == stored
    assert request.turns == (Turn("user", stored),)
    assert request.sampling.stop == (stored,)
    assert await store.add_request(new) == (request, False)


async def test_a_request_runs_waits_and_runs_again(store: Store, new_request: Make, clock) -> None:
    added, _ = await store.add_request(new_request())
    first = await store.mark_running(added.id)
    assert (first.state, first.attempts, first.started_at) == ("running", 1, clock.time)
    back = await store.requeue(added.id)
    assert (back.state, back.attempts, back.started_at) == ("waiting", 1, None)
    clock.advance(seconds=3)
    second = await store.mark_running(added.id)
    assert (second.attempts, second.started_at) == (2, clock.time)
    assert second.created_at == clock.time - timedelta(seconds=3)


async def test_a_change_from_the_wrong_state_is_refused(store: Store, new_request: Make) -> None:
    added, _ = await store.add_request(new_request())
    with pytest.raises(StoreConflict, match="request 1 is waiting, so it cannot become waiting"):
        await store.requeue(added.id)
    await store.mark_running(added.id)
    with pytest.raises(StoreConflict, match="is running, so it cannot become running"):
        await store.mark_running(added.id)
    await store.end(added.id, RequestState.FAILED, "the worker is gone")
    with pytest.raises(StoreConflict, match="is failed, so it cannot become running"):
        await store.mark_running(added.id)


async def test_an_unknown_request_is_refused(store: Store) -> None:
    for call in (store.request, store.mark_running, store.requeue):
        with pytest.raises(StoreConflict, match="request 99 does not exist"):
            await call(99)
    assert not await store.end(99, RequestState.EXPIRED)


async def test_a_request_ends_once(store: Store, new_request: Make, clock) -> None:
    added, _ = await store.add_request(new_request())
    assert await store.end(added.id, RequestState.EXPIRED, "too old")
    ended = await store.request(added.id)
    assert (ended.state, ended.error, ended.ended_at) == ("expired", "too old", clock.time)
    clock.advance(hours=1)
    assert not await store.end(added.id, RequestState.FAILED, "again")
    assert await store.request(added.id) == ended


async def test_the_unfinished_come_oldest_first(
    store: Store, new_request: Make, new_answer: Callable[..., NewAnswer]
) -> None:
    ids = [(await store.add_request(new_request()))[0].id for _ in range(5)]
    await store.mark_running(ids[1])
    await store.mark_running(ids[3])
    await store.finish(ids[3], new_answer())
    await store.end(ids[2], RequestState.STOPPED)
    assert [(request.id, request.state) for request in await store.unfinished()] == [
        (ids[0], "waiting"),
        (ids[1], "running"),
        (ids[4], "waiting"),
    ]


async def test_turns_can_be_replaced_until_the_end(store: Store, new_request: Make) -> None:
    added, _ = await store.add_request(new_request())
    shorter = (Turn("user", "wet\0?"),)
    await store.replace_turns(added.id, shorter)
    assert (await store.request(added.id)).turns == (Turn("user", "wet\ufffd?"),)
    await store.end(added.id, RequestState.STOPPED)
    with pytest.raises(StoreConflict, match="is stopped, so it cannot get other turns"):
        await store.replace_turns(added.id, shorter)


STEPS = ["mark_running", "requeue", "finished", "answered_stop", "stopped", "expired", "failed"]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=12))
def test_whatever_happens_a_request_ends_at_most_once(steps: list[str]) -> None:
    asyncio.run(asyncio.wait_for(_live(steps), 30))


async def _live(steps: list[str]) -> None:
    new = NewRequest(
        source_key="k", conversation="c", front_end="f", user_id="u", user_name="n", prompt="p",
        turns=(), variant="base", sampling=stored_sampling(),
    )  # fmt: skip
    answer = NewAnswer(
        text="a", variant="base", adapter_hash=None, model_id="m", finish_reason="stop",
        prompt_tokens=None, completion_tokens=None, queue_ms=0, first_token_ms=None, total_ms=0,
    )  # fmt: skip
    with TemporaryDirectory() as folder:
        async with await Store.open(Path(folder) / "fungpt.db") as store:
            request, _ = await store.add_request(new)
            does: dict[str, Callable[[], Awaitable[object]]] = {
                "mark_running": lambda: store.mark_running(request.id),
                "requeue": lambda: store.requeue(request.id),
                "finished": lambda: store.finish(request.id, answer),
                "answered_stop": lambda: store.finish(request.id, answer, RequestState.STOPPED),
                "stopped": lambda: store.end(request.id, RequestState.STOPPED),
                "expired": lambda: store.end(request.id, RequestState.EXPIRED),
                "failed": lambda: store.end(request.id, RequestState.FAILED, "error"),
            }
            final: Request | None = None
            for step in steps:
                with suppress(StoreConflict):
                    await does[step]()
                current = await store.request(request.id)
                if final:
                    assert current == final
                elif current.state.is_final:
                    final = current
                has_answer = await store.answer_for(request.id) is not None
                assert has_answer or current.state != "finished"
                assert not has_answer or current.state in ("finished", "stopped")


async def test_a_waiting_request_can_be_reworded_and_no_other(store, new_request):
    request, _ = await store.add_request(new_request())
    turns = (Turn("user", "Is ice wet?"),)
    assert await store.reword(request.id, "Is ice wet?", turns)
    changed = await store.mark_running(request.id)
    assert (changed.prompt, changed.turns) == ("Is ice wet?", turns)
    assert not await store.reword(request.id, "Too late", turns)
    assert (await store.request(request.id)).prompt == "Is ice wet?"


async def test_how_much_a_person_asked_lately_outlives_being_forgotten(
    store: Store, new_request: Make, answered, clock
) -> None:
    await answered(store, user_id="ann")
    hour = timedelta(hours=1)
    times = [clock.advance(minutes=30)]
    await answered(store, user_id="ann", conversation="elsewhere")
    times.append(clock.advance(minutes=20))
    await store.add_request(new_request(user_id="ann"))
    await answered(store, user_id="bob")
    clock.advance(minutes=11)
    assert await store.asked_since("ann", clock.time - hour) == times
    await store.forget("ann")
    assert await store.asked_since("ann", clock.time - hour) == times
    assert len(await store.asked_since("bob", clock.time - hour)) == 1
    await answered(store, user_id="bob", is_counted=False)
    assert len(await store.asked_since("bob", clock.time - hour)) == 1
    clock.advance(minutes=31)
    await store.forget("bob")
    assert len(await store.asked_since("bob", clock.time - hour)) == 1, "not the one of no count"
    assert await store.asked_since("ann", clock.time - hour) == times[1:]
    clock.advance(hours=2)
    await store.forget("cem")
    assert await store.asked_since("ann", clock.time - 3 * hour) == []


@pytest.mark.parametrize("forgotten", [False, True])
async def test_what_only_reads_of_a_person_neither_writes_nor_waits_for_who_does(
    store: Store, database: Path, answered, clock, forgotten: bool
) -> None:
    await answered(store, user_id="ann")
    await answered(store, user_id="bob")
    if forgotten:
        await store.forget("bob")
    since = clock.time - timedelta(hours=1)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        (before,) = other.execute("PRAGMA data_version").fetchone()
        assert len(await store.asked_since("bob", since)) == 1
        assert len((await store.personal_data("ann")).requests) == 1
        assert other.execute("PRAGMA data_version").fetchone() == (before,), "nothing was written"
        other.execute("BEGIN IMMEDIATE")
        assert len(await store.asked_since("ann", since)) == 1
        assert len((await store.personal_data("ann")).requests) == 1
