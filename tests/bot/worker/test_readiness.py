import pytest

from bot.errors import WorkerGone
from bot.worker.readiness import Readiness
from tests.bot.rig import ManualClock
from tests.fakes.worker import FakeWatch


@pytest.fixture
def time():
    return ManualClock()


@pytest.fixture
def watch():
    return FakeWatch()


@pytest.fixture
def readiness(time, watch):
    return Readiness(watch, time.clock, limit_s=100)


async def test_an_outage_has_one_limit_however_often_it_seems_over(readiness, time):
    for _ in range(10):
        await readiness.wait(accepted=1000)
        readiness.failed()
        time.advance(10)
    with pytest.raises(WorkerGone, match="did not get ready in time"):
        await readiness.wait(accepted=1000)


async def test_who_comes_later_in_an_outage_has_the_whole_limit(readiness, time):
    readiness.failed()
    time.advance(101)
    await readiness.wait(accepted=1050)
    with pytest.raises(WorkerGone):
        await readiness.wait(accepted=1000)


async def test_an_answer_ends_the_outage(readiness, time):
    readiness.failed()
    time.advance(101)
    readiness.worked()
    await readiness.wait(accepted=1000)


async def test_the_watchs_word_that_there_is_no_hope_is_passed_on(readiness, watch):
    watch.gone = "No such model."
    with pytest.raises(WorkerGone, match="No such model"):
        await readiness.wait(accepted=1000)
