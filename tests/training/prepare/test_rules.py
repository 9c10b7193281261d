"""Each rule drops what it says, in order, and what passes is clean."""

import pytest

from data.files.datasets import Pair
from data.records import Turn
from training.prepare.rules import Kept, Rules, judge
from training.prepare.word_list import WordList
from training.sources.reasons import Step
from training.sources.row import Refused, SourceRow


@pytest.mark.parametrize(
    ("comment", "reply", "step"),
    [
        ("[removed]", "why", Step.DELETED),
        ("[removed]", "good bot", Step.DELETED),
        ("RemindMe! 1 day", "why", Step.BOT),
        ("> a quote alone", "why", Step.EMPTY),
        ("fine", "ok", Step.SHORT),
        ("fine", "o" * 51, Step.LONG),
        ("I like my parsnip", "so do I", Step.WORDS),
        ("so do I", "I like my PARSNIP", Step.WORDS),
    ],
)
def test_each_rule_drops(comment, reply, step):
    rules = Rules(min_chars=3, max_chars=50, words=WordList(frozenset({"parsnip"})))
    found = judge(SourceRow("row 2", comment, reply), rules)
    assert isinstance(found, Refused)
    assert found.step is step


@pytest.mark.parametrize(("score", "passes"), [(4, False), (5, True), (None, True)])
def test_a_low_score_is_dropped(score, passes):
    found = judge(SourceRow("row 2", "a", "b", score=score), Rules(min_score=5))
    assert isinstance(found, Kept) is passes


def test_another_language_is_dropped():
    german = "Ich gehe lieber im Regen nach Hause, als noch einmal auf den Bus zu warten."
    found = judge(SourceRow("row 2", german, german), Rules(language="en"))
    assert isinstance(found, Refused)
    assert found.step is Step.LANGUAGE


def test_what_is_empty_is_named():
    found = judge(SourceRow("row 9", "Who?", " \n"), Rules())
    assert found == Refused(Step.EMPTY, "row 9: reply is empty", "Who?")


def test_only_steps_that_can_drop_are_named():
    assert set(Rules().steps()) == {Step.DELETED, Step.BOT, Step.EMPTY, Step.LONG}
    every = Rules(1, 2, 3, "en", WordList(frozenset({"a"})))
    assert {Step.SCORE, Step.SHORT, Step.LANGUAGE, Step.WORDS} < set(every.steps())


def test_turns_before_are_cleaned_and_begin_with_a_user():
    before = (
        Turn("system", "Be brief."),
        Turn("user", "old"),
        Turn("assistant", "[deleted]"),
        Turn("assistant", "lost its question"),
        Turn("user", "tea &amp; toast"),
        Turn("assistant", "yes"),
    )
    found = judge(SourceRow("row 2", "a", "b", "food", "t1", "me", before=before), Rules())
    left = (Turn("system", "Be brief."), Turn("user", "tea & toast"), Turn("assistant", "yes"))
    assert found == Kept("row 2", Pair("a", "b", "food", left), "t1", "me")
