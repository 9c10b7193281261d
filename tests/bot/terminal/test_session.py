from pathlib import Path

import pytest

from bot.chat.events import Finished
from bot.errors import NothingToRate, UserError
from bot.terminal.commands import RateAnswer
from data.records import RatingKind
from model.errors import WorkerRefused
from tests.bot.stage import stage
from tests.fakes.worker import FakeWorker


async def test_the_newest_answer_is_rated_and_changed(tmp_path: Path):
    async with stage(tmp_path) as it:
        with pytest.raises(NothingToRate):
            await it.session.rate(RateAnswer("good"))
        await (await it.session.say("one")).result()
        end = await (await it.session.say("two")).result()
        assert isinstance(end, Finished)
        rated = await it.session.rate(RateAnswer("👍🏽"))
        assert (rated.answer, rated.kind, rated.changed) == (end.answer, RatingKind.GOOD, True)
        assert not (await it.session.rate(RateAnswer("good"))).changed
        assert (await it.session.rate(RateAnswer("bad"))).changed
        [tally] = await it.rig.store.tallies()
        assert tally.counts[RatingKind.GOOD] == 0
        assert tally.counts[RatingKind.BAD] == 1


async def test_a_cut_answer_goes_on_and_becomes_one_text_of_the_history(tmp_path: Path):
    worker = FakeWorker(finish_reason="length")
    worker.plays.extend([("Once upon a ti",), ("me there was",), ("Yes.",)])
    async with stage(tmp_path, worker=worker) as it:
        with pytest.raises(UserError, match="no answer"):
            await it.session.go_on()
        first = await (await it.session.say("A story")).result()
        assert isinstance(first, Finished)
        it.session.saw([first.answer])
        worker.finish_reason = "stop"
        second = await (await it.session.go_on()).result()
        assert isinstance(second, Finished)
        assert second.answer.text == "me there was"
        assert worker.calls[1].turns == (("user", "A story"), ("assistant", "Once upon a ti"))
        it.session.saw([second.answer])
        with pytest.raises(UserError, match="not cut off"):
            await it.session.go_on()
        await (await it.session.say("and then?")).result()
        assert worker.calls[2].turns == (
            ("user", "A story"),
            ("assistant", "Once upon a time there was"),
            ("user", "and then?"),
        )


async def test_a_server_that_cannot_go_on_is_asked_in_words(tmp_path: Path):
    worker = FakeWorker(finish_reason="length")
    refusal = WorkerRefused(400, "invalid", "continue_final_message is not supported")
    worker.plays.extend([("Half",), (refusal,), (" more",)])
    async with stage(tmp_path, worker=worker) as it:
        await (await it.session.say("A story")).result()
        end = await (await it.session.go_on()).result()
        assert isinstance(end, Finished)
        assert end.answer.text == " more"
        *_, answered, asked = worker.calls[2].turns
        assert answered == ("assistant", "Half")
        assert asked[0] == "user"
        assert "where you stopped" in asked[1]
