"""Whatever people, the worker and the process do: each request ends once, in store and sight."""

import asyncio
import random
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.chat.events import Ended, Finished
from bot.errors import UserError
from data.records import RequestState
from model.errors import WorkerDied
from tests.bot.rig import events, rig
from tests.fakes.worker import Hang, away

GATE = "gate"  # replaced by a fresh asyncio.Event
PLAYS = st.lists(
    st.sampled_from(
        [("a", "b"), (), ("a", WorkerDied("x")), (WorkerDied("x"),), (away(),), ("a", away()),
         (GATE, "a"), ("a", GATE), ("a", Hang()), (KeyError("surprise"),)]
    ),
    max_size=12,
)  # fmt: skip
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.sampled_from(["ann", "bob", "cy"])),
        st.tuples(st.just("again"), st.integers(0, 20)),
        st.tuples(st.just("stop"), st.integers(0, 20)),
        st.tuples(st.just("pass"), st.integers(1, 30)),
        st.tuples(st.just("open"), st.just(0)),
    ),
    max_size=20,
)


class Run:
    """One sequence of actions over one chat."""

    def __init__(self, it, plays):
        self.it = it
        self.tickets = []
        self.gates = []
        for play in plays:
            it.worker.plays.append(tuple(self._gate() if step == GATE else step for step in play))

    def _gate(self):
        self.gates.append(asyncio.Event())
        return self.gates[-1]

    async def act(self, action, value):
        match action:
            case "submit":
                with suppress(UserError):
                    self.tickets.append(await self.it.submit(user=value))
            case "again" if self.tickets:
                known = self.tickets[value % len(self.tickets)]
                key = known.request.source_key
                again = await self.it.chat.submit(self.it.ask(source_key=key))
                assert again.request.id == known.request.id
            case "stop" if self.tickets:
                self.tickets[value % len(self.tickets)].stop()
            case "pass":
                for _ in range(value):
                    await asyncio.sleep(0)
            case "open":
                for gate in self.gates:
                    gate.set()


async def check_ends(store, tickets):
    for ticket in tickets:
        history = await events(ticket)
        assert [isinstance(event, Finished | Ended) for event in history].count(True) == 1
        row = await store.request(ticket.request.id)
        answer = await store.answer_for(row.id)
        match history[-1]:
            case Finished(shown, request):
                assert answer == shown
                assert row.state is request.state
                assert row.state in (RequestState.FINISHED, RequestState.STOPPED)
            case Ended(state, _):
                assert answer is None
                assert row.state is state
            case _:
                raise AssertionError


async def play(path, plays, actions, concurrency):
    limits = {"worker_concurrency": concurrency, "worker_stall_s": 0.1}
    async with rig(path, **limits) as it:
        run = Run(it, plays)
        for action, value in actions:
            await run.act(action, value)
        await it.chat.aclose(0)
        await check_ends(it.store, run.tickets)
        assert it.worker.open_streams == 0
    async with rig(path, **limits) as it:  # the next start takes up what was parked
        resumed = await it.chat.resume()
        parked = [t for t in run.tickets if t.request.state is RequestState.WAITING]
        assert {t.request.id for t in parked} == {t.request.id for t in resumed}
        await asyncio.gather(*(ticket.result() for ticket in resumed))
        await check_ends(it.store, resumed)
        assert await it.store.unfinished() == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PLAYS, ACTIONS, st.integers(1, 3))
def test_each_request_ends_once(plays, actions, concurrency):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder) / "test.db", plays, actions, concurrency))


def test_a_long_random_run():
    rng = random.Random(7)
    kinds = [("a",), ("a", WorkerDied("x")), (away(),), ("a", GATE)]
    plays = [rng.choice(kinds) for _ in range(40)]
    actions = []
    for _ in range(60):
        actions.append(("submit", f"user {rng.randrange(9)}"))
        actions.append(rng.choice([("stop", rng.randrange(40)), ("pass", 9)]))
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder) / "test.db", plays, actions, 4))
