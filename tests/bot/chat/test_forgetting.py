"""What unfinished requests of other people hold of somebody who is forgotten."""

from bot.chat.conversation import Utterance, asked_again
from data.records import Said, Turn
from tests.bot.rig import rig

LINES = (Utterance("Ann", "a secret", "ann"), Utterance(None, "oh!"), Utterance("Bob", "hm", "bob"))


async def test_a_waiting_request_loses_the_persons_parts(tmp_path):
    async with rig(tmp_path / "test.db", running=False) as on:
        waiting = await on.submit("and?", "bob", history=LINES)
        assert waiting.request.turns[1].said == (Said("ann", "oh!"),)
        on.chat.leave_out("ann")
        assert [turn.content for turn in waiting.request.turns] == ["Bob: hm\nBob: and?"]
        assert on.chat.unfinished("test") == [waiting]
        assert on.chat.unfinished("discord") == []


async def test_who_repeats_anothers_question_is_known(tmp_path):
    async with rig(tmp_path / "test.db", running=False) as on:
        own = await on.submit("my secret", "ann")
        again = await on.submit("my secret", "bob", turns=own.request.turns)
        await on.submit("something else", "bob")
        assert on.chat.repeating("ann") == [again]
        assert on.chat.repeating("bob") == []


def test_turns_with_gaps_are_made_to_alternate_again():
    system, answer = Turn("system", "Be."), Turn("assistant", "oh!")
    asked = (Turn("user", "a"), Turn("user", "b"))
    assert asked_again((system, answer, *asked)) == (system, Turn("user", "a\nb"))
    assert asked_again((system, *asked, answer)) == (system, Turn("user", "a\nb"), answer)
    assert asked_again(()) == ()
