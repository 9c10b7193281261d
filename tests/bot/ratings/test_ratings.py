import pytest

from bot.errors import BadRating, NothingToRate
from bot.ratings.ratings import parse_kind, rate_last
from data.records import RatingKind
from tests.bot.rig import rig


async def test_the_newest_answer_is_rated_and_changed(tmp_path):
    async with rig(tmp_path / "test.db") as it:
        with pytest.raises(NothingToRate):
            await rate_last(it.store, "c", "ann", "good")
        await (await it.submit("one")).result()
        end = await (await it.submit("two")).result()
        rated = await rate_last(it.store, "c", "ann", "👍🏽")
        assert (rated.answer, rated.kind, rated.changed) == (end.answer, RatingKind.GOOD, True)
        assert not (await rate_last(it.store, "c", "ann", "good")).changed
        assert (await rate_last(it.store, "c", "ann", "bad")).changed
        [tally] = await it.store.tallies()
        assert tally.counts[RatingKind.GOOD] == 0
        assert tally.counts[RatingKind.BAD] == 1


def test_an_unknown_rating_is_answered_with_those_there_are():
    with pytest.raises(BadRating, match="👍 good, 👎 bad, 😂 funny, 🤖 robotic"):
        parse_kind("meh")
