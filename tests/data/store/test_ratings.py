import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import StoreConflict
from data.records import NewAnswer, NewRequest, Rating, RatingKind, RatingTally
from data.store.database import connect
from data.store.store import Store
from tests.fakes.sampling import stored_sampling

GOOD, BAD, FUNNY, ROBOTIC = RatingKind


async def test_a_rating_is_stored_once(store: Store, answered, clock) -> None:
    answer = await answered(store)
    assert await store.rate(answer.id, "ann", FUNNY)
    assert not await store.rate(answer.id, "ann", FUNNY)
    assert await store.rate(answer.id, "bob", FUNNY)
    assert await store.ratings(answer.id) == [
        Rating(answer.id, "ann", FUNNY, clock.time),
        Rating(answer.id, "bob", FUNNY, clock.time),
    ]


async def test_an_answer_that_is_not_there_cannot_be_rated(store: Store) -> None:
    with pytest.raises(StoreConflict, match="FOREIGN KEY"):
        await store.rate(99, "ann", GOOD)


async def test_even_at_once_a_person_holds_one_verdict(store: Store, answered) -> None:
    answer = await answered(store)
    await asyncio.gather(*(store.rate(answer.id, "ann", kind) for kind in [GOOD, BAD] * 10))
    assert [rating.kind for rating in await store.ratings(answer.id)] == [BAD]


async def test_the_schema_itself_refuses_two_verdicts(
    store: Store, answered, database: Path
) -> None:
    answer = await answered(store)
    await store.rate(answer.id, "ann", GOOD)
    second = (
        "INSERT INTO ratings (answer_id, user_id, kind, created_at) VALUES (?, 'ann', 'bad', '')"
    )
    with (
        closing(connect(database)) as other,
        pytest.raises(sqlite3.IntegrityError, match="UNIQUE"),
    ):
        other.execute(second, [answer.id])


person_kind = st.tuples(st.sampled_from(["ann", "bob"]), st.sampled_from(RatingKind))
ratings = st.lists(person_kind, max_size=25)


@settings(max_examples=50, deadline=None)
@given(ratings)
def test_any_sequence_of_ratings_gives_the_models_set(
    ratings: list[tuple[str, RatingKind]],
) -> None:
    asyncio.run(asyncio.wait_for(_follow(ratings), 30))


async def _follow(ratings: list[tuple[str, RatingKind]]) -> None:
    model: set[tuple[str, RatingKind]] = set()
    new = NewRequest(
        source_key="k", conversation="c", front_end="f", user_id="u", user_name="n", prompt="p",
        turns=(), variant="base", sampling=stored_sampling(),
    )  # fmt: skip
    answer = NewAnswer(
        text="a", variant="base", adapter_hash=None, model_id="m", finish_reason="stop",
        prompt_tokens=1, completion_tokens=1, queue_ms=0, first_token_ms=1, total_ms=2,
    )  # fmt: skip
    with TemporaryDirectory() as folder:
        async with await Store.open(Path(folder) / "fungpt.db") as store:
            request, _ = await store.add_request(new)
            await store.mark_running(request.id)
            rated = await store.finish(request.id, answer)
            for person, kind in ratings:
                assert await store.rate(rated.id, person, kind) == ((person, kind) not in model)
                model.discard((person, {GOOD: BAD, BAD: GOOD}.get(kind, kind)))
                model.add((person, kind))
                stored = await store.ratings(rated.id)
                assert {(rating.user_id, rating.kind) for rating in stored} == model
                assert len(stored) == len(model)
            [tally] = await store.tallies()
            kinds = [kind for _, kind in model]
            assert tally.counts == {kind: kinds.count(kind) for kind in RatingKind}


async def test_tallies_sum_up_each_variant(store: Store, answered, clock) -> None:
    assert await store.tallies() == []
    nothing = dict.fromkeys(RatingKind, 0)
    for total_ms in (900, 100, 200):
        tuned = await answered(store, answer={"variant": "tuned", "total_ms": total_ms})
    noon = clock.advance(hours=1)
    for total_ms in (30, 10):
        base = await answered(store, answer={"variant": "base", "total_ms": total_ms})
    await answered(store, answer={"variant": "tuned", "total_ms": 400})
    for person in ("ann", "bob"):
        await store.rate(tuned.id, person, FUNNY)
    await store.rate(tuned.id, "ann", GOOD)
    await store.rate(base.id, "ann", ROBOTIC)

    robotic, by_ann = nothing | {ROBOTIC: 1}, nothing | {FUNNY: 1, GOOD: 1}  # ann asked
    of_base = RatingTally("base", 2, robotic, 20.0, robotic)
    of_tuned = RatingTally("tuned", 4, nothing | {FUNNY: 2, GOOD: 1}, 300.0, by_ann)
    assert await store.tallies() == [of_base, of_tuned]
    assert await store.tallies(variant="tuned") == [of_tuned]
    assert await store.tallies(variant="other") == []
    assert await store.tallies(since=noon) == [of_base, RatingTally("tuned", 1, nothing, 400.0)]
    assert await store.tallies(since=clock.advance(seconds=1)) == []
