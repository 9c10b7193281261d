from pathlib import Path

import pytest

from bot.chat.events import Finished
from bot.errors import NothingToRate
from bot.terminal.commands import RateAnswer
from data.records import RatingKind
from tests.bot.stage import stage


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
