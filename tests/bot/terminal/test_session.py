from pathlib import Path

import pytest

from bot.chat.events import Finished
from bot.errors import NothingToRate, UserError
from bot.terminal.commands import AskPersona, PersonaVerb, RateAnswer
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


async def test_a_persona_is_set_saved_and_used_again(tmp_path: Path):
    async with stage(tmp_path) as it:

        async def said(verb: PersonaVerb, rest: str = "") -> str:
            return await it.session.persona(AskPersona(verb, rest))

        with pytest.raises(UserError, match="Set one first"):
            await said(PersonaVerb.SAVE, "pirate")
        assert await said(PersonaVerb.SHOW) == "No persona is set here."
        await said(PersonaVerb.SET, "Say arr.")
        assert await said(PersonaVerb.SHOW) == "Say arr."
        assert await said(PersonaVerb.SAVE, "Pirate") == "Saved as Pirate."
        ticket = await it.session.say("ahoy?")
        assert (ticket.request.turns[0].role, ticket.request.turns[0].content) == (
            "system", "Say arr.",
        )  # fmt: skip
        await said(PersonaVerb.CLEAR)
        ticket = await it.session.say("still?")
        assert ticket.request.turns[0].role == "user"
        assert await said(PersonaVerb.USE, "pirate") == "I am Pirate from now on: Say arr."
        assert await said(PersonaVerb.LIST) == "Pirate: Say arr."
        await said(PersonaVerb.DELETE, "PIRATE")
        assert await said(PersonaVerb.LIST) == "No persona is saved yet."
