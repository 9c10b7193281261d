"""What unfinished requests of other people hold of somebody who is forgotten."""

from dataclasses import replace

from bot.chat.conversation import Utterance, asked_again, going_on
from bot.chat.events import Ended, Finished
from data.records import Said, Turn, merge_turns
from data.store.store import Store
from data.turns import is_asked_by, without
from tests.bot.rig import new_request, rig

LINES = (Utterance("Ann", "a secret", "ann"), Utterance(None, "oh!"), Utterance("Bob", "hm", "bob"))


async def test_a_waiting_request_loses_the_persons_parts(tmp_path):
    async with rig(tmp_path / "test.db", running=False) as on:
        waiting = await on.submit("and?", "bob", history=LINES)
        assert waiting.request.turns[1].said == (Said("ann", "oh!"),)
        on.chat.open_tickets.leave_out("ann")
        assert [turn.content for turn in waiting.request.turns] == ["Bob: hm\nBob: and?"]
        assert on.chat.open_tickets.of_front_end("test") == [waiting]
        assert on.chat.open_tickets.of_front_end("discord") == []


async def test_who_repeats_anothers_question_is_known(tmp_path):
    async with rig(tmp_path / "test.db", running=False) as on:
        own = await on.submit("my secret", "ann")
        again = await on.submit("my secret", "bob", turns=own.request.turns)
        await on.submit("something else", "bob")
        assert on.chat.open_tickets.repeating("ann") == [again]
        assert on.chat.open_tickets.repeating("bob") == []


def test_turns_with_gaps_are_made_to_alternate_again():
    system, answer = Turn("system", "Be."), Turn("assistant", "oh!")
    asked = (Turn("user", "a"), Turn("user", "b"))
    assert asked_again((system, answer, *asked)) == (system, Turn("user", "a\nb"))
    assert asked_again((system, *asked, answer)) == (system, Turn("user", "a\nb"), answer)
    assert asked_again(()) == ()


def spoken(person: str, text: str) -> Turn:
    return Turn("user", text, (Said(person, text),))


async def test_what_is_kept_back_after_a_restart_loses_the_parts_too(tmp_path):
    path = tmp_path / "test.db"
    turns = merge_turns((spoken("ann", "a secret"), spoken("bob", "and?")))
    async with await Store.open(path) as store:
        await store.add_request(replace(new_request("bobs", "bob"), turns=turns))
        await store.add_request(
            replace(new_request("anns", "cid"), turns=(spoken("ann", "a secret"),))
        )
    async with rig(path) as on:
        held, repeated = await on.chat.resume(hold=True)
        open_tickets = on.chat.open_tickets
        assert open_tickets.repeating("ann") == [repeated]
        assert on.chat.unfinished_of("cid") == [repeated]
        repeated.stop()
        await on.store.forget("ann")
        open_tickets.leave_out("ann")
        assert [turn.content for turn in held.request.turns] == ["and?"]
        for ticket in (held, repeated):
            await on.chat.resumption.go_on(ticket)
        assert isinstance(await held.result(), Finished)
        assert [call.turns for call in on.worker.calls] == [(("user", "and?"),)]
        assert isinstance(await repeated.result(), Ended)


async def test_a_continuation_knows_whom_it_answers(tmp_path):
    """Also where somebody goes on with another's question that was asked once more."""
    async with rig(tmp_path / "test.db") as on:
        own = await on.submit("my secret", "ann", history=LINES[2:])
        end = await (await on.submit("my secret", "cid", turns=own.request.turns)).result()
        assert isinstance(end, Finished)
        turns = going_on(end.request, end.answer)
        assert turns[-1].said == (Said("ann", "Hello there"),)
        more = await on.submit("my secret", "cid", turns=turns)
        end = await more.result()
        assert isinstance(end, Finished)
        longer = going_on(end.request, end.answer)
        assert longer[-1].said == (Said("ann", "Hello thereHello there"),)
        assert longer[-1].content == "Hello thereHello there"
        assert longer[0].said[0] == Said("bob", "Bob: hm")
        assert is_asked_by(longer, "ann")
        assert without(longer, "bob")[-1] == longer[-1]


async def test_turns_of_old_go_on_without_parts(tmp_path):
    """Their labels tell them apart as long as no part is known."""
    async with rig(tmp_path / "test.db") as on:
        end = await (await on.submit("a", turns=(Turn("user", "a"),))).result()
        assert isinstance(end, Finished)
        assert [turn.said for turn in going_on(end.request, end.answer)] == [(), ()]
