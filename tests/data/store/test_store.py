import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from data.records import RatingKind, RequestState
from data.store.database import connect
from data.store.store import Store

WRITER = """
import asyncio, os, signal, sys
from pathlib import Path
from data.records import NewAnswer, NewRequest, RatingKind, Turn
from data.store.connection import Connection
from data.store.store import Store
from tests.fakes.sampling import stored_sampling

def request(key):
    return NewRequest(source_key=key, conversation="c", front_end="f", user_id="u", user_name="n",
        prompt=key, turns=(Turn("user", key),), variant="tuned", sampling=stored_sampling(seed=1))

ANSWER = NewAnswer(text="done", variant="tuned", adapter_hash="ab", model_id="m",
    finish_reason="stop", prompt_tokens=1, completion_tokens=1, queue_ms=1, first_token_ms=1,
    total_ms=1)

async def main():
    store = await Store.open(Path(sys.argv[1]))
    finished, running, waiting = [(await store.add_request(request(key)))[0] for key in "abc"]
    await store.mark_running(finished.id)
    answer = await store.finish(finished.id, ANSWER)
    await store.rate(answer.id, "u", RatingKind.GOOD)
    await store.mark_running(running.id)
    connection = await Connection.open(Path(sys.argv[1]), busy_s=5)
    async with connection.transaction() as run:
        await run("DELETE FROM ratings")
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.fixture
def killed(database: Path) -> Path:
    """The database of a program that died of SIGKILL, inside a transaction."""
    root = Path(__file__).parents[3]
    died = subprocess.run([sys.executable, "-c", WRITER, database], cwd=root, timeout=60)
    assert died.returncode == -signal.SIGKILL
    return database


async def test_what_was_stored_survives_kill_9(killed: Path) -> None:
    async with await Store.open(killed) as store:
        left = [(request.prompt, request.state) for request in await store.unfinished()]
        assert left == [("b", "running"), ("c", "waiting")]
        assert await store.requeue(2)
        [(request, answer)] = await store.history("c")
        assert (request.state, request.sampling.seed, answer.text) == ("finished", 1, "done")
        assert [rating.kind for rating in await store.ratings(answer.id)] == [RatingKind.GOOD]


async def test_what_was_stored_is_there_after_closing(database: Path, answered) -> None:
    async with await Store.open(database) as store:
        answer = await answered(store)
        created = answer.created_at
    await store.close()
    async with await Store.open(database) as store:
        assert await store.last_answer("room") == answer
    assert abs(created.timestamp() - time.time()) < 60


async def test_many_coroutines_share_one_store(store: Store, new_request, new_answer) -> None:
    async def live(number: int) -> None:
        request, _ = await store.add_request(new_request(user_id=f"user-{number % 5}"))
        await store.mark_running(request.id)
        if number % 3 == 0:
            await store.end(request.id, RequestState.FAILED, "no luck")
            return
        answer = await store.finish(request.id, new_answer(variant=f"v{number % 2}"))
        await store.rate(answer.id, "bob", RatingKind.GOOD)

    async with asyncio.timeout(30):
        await asyncio.gather(*(live(number) for number in range(60)))
    tallies = await store.tallies()
    assert [tally.answers for tally in tallies] == [20, 20]
    assert [tally.counts[RatingKind.GOOD] for tally in tallies] == [20, 20]
    assert await store.unfinished() == []


async def test_cancelling_anywhere_leaves_a_store_that_works(
    store: Store, new_request, new_answer
) -> None:
    for awaits in range(25):
        request, _ = await store.add_request(new_request())
        await store.mark_running(request.id)
        finishing = asyncio.create_task(store.finish(request.id, new_answer()))
        for _ in range(awaits):
            await asyncio.sleep(0)
        finishing.cancel()
        async with asyncio.timeout(10):
            await asyncio.gather(finishing, return_exceptions=True)
            state = (await store.request(request.id)).state
            answer = await store.answer_for(request.id)
        assert (state == "finished") == (answer is not None)
        assert state in ("running", "finished")


async def test_ratings_are_found_by_plain_sql(store: Store, answered, database: Path) -> None:
    answer = await answered(store)
    await store.rate(answer.id, "ann", RatingKind.FUNNY)
    with closing(sqlite3.connect(database)) as other:
        found = other.execute(
            "SELECT kind, variant, adapter_hash FROM ratings"
            " JOIN answers ON answers.id = ratings.answer_id"
        ).fetchall()
    assert found == [("funny", "tuned", "ab12")]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            "SELECT * FROM requests WHERE state IN ('waiting', 'running') ORDER BY id",
            "requests_unfinished",
        ),
        ("SELECT id FROM requests WHERE conversation = '' ORDER BY id", "requests_conversation"),
        ("SELECT id FROM requests WHERE user_id = ''", "requests_user"),
        ("SELECT * FROM answers WHERE request_id = 1", "sqlite_autoindex_answers"),
        ("SELECT * FROM ratings WHERE answer_id = 1", "ratings_"),
        ("SELECT * FROM ratings WHERE user_id = ''", "ratings_user"),
        ("SELECT * FROM answer_messages WHERE answer_id = 1", "answer_messages_answer"),
    ],
)
def test_the_queries_in_use_have_an_index(database: Path, query: str, index: str) -> None:
    with closing(connect(database)) as connection:
        plan = connection.execute("EXPLAIN QUERY PLAN " + query).fetchall()
    steps = json.dumps([row["detail"] for row in plan])
    assert index in steps
    assert "SCAN answer" not in steps
    assert "TEMP B-TREE" not in steps


async def test_accepting_and_finishing_takes_few_milliseconds(
    store: Store, new_request, new_answer
) -> None:
    took: list[float] = []
    for _ in range(100):
        start = time.perf_counter()
        request, _ = await store.add_request(new_request())
        await store.mark_running(request.id)
        await store.finish(request.id, new_answer())
        took.append(time.perf_counter() - start)
    assert sorted(took)[25] < 0.003  # the quicker quarter: the machine may be busy, we are not
