"""Each rule drops what it says, in order, and what passes is clean."""

from pathlib import Path

import pytest

from data.files.datasets import Pair
from data.records import Turn
from training.prepare.cleaning.rule import CleaningChoice
from training.prepare.cleaning.source_cleaner import SourceCleaner
from training.prepare.rules import KeptRow, RowRules, is_bot_notice, judge
from training.prepare.word_list import WordList
from training.sources.reasons import DroppedRow, DropReason
from training.sources.row import SourceRow

CLEANER = SourceCleaner(CleaningChoice(), Path())  # cleans by every rule


@pytest.mark.parametrize(
    ("comment", "reply", "reason"),
    [
        ("[removed]", "why", DropReason.DELETED),
        ("[removed]", "good bot", DropReason.DELETED),
        ("RemindMe! 1 day", "why", DropReason.BOT),
        ("> a quote alone", "why", DropReason.EMPTY),
        ("fine", "ok", DropReason.SHORT),
        ("fine", "o" * 51, DropReason.LONG),
        ("I like my parsnip", "so do I", DropReason.WORDS),
        ("so do I", "I like my PARSNIP", DropReason.WORDS),
    ],
)
def test_each_rule_drops(comment, reply, reason):
    rules = RowRules(min_chars=3, max_chars=50, words=WordList(frozenset({"parsnip"})))
    found = judge(SourceRow("row 2", comment, reply), rules, CLEANER)
    assert isinstance(found, DroppedRow)
    assert found.reason is reason


@pytest.mark.parametrize(("score", "passes"), [(4, False), (5, True), (None, True)])
def test_a_low_score_is_dropped(score, passes):
    found = judge(SourceRow("row 2", "a", "b", score=score), RowRules(min_score=5), CLEANER)
    assert isinstance(found, KeptRow) is passes


def test_another_language_is_dropped():
    german = "Ich gehe lieber im Regen nach Hause, als noch einmal auf den Bus zu warten."
    found = judge(SourceRow("row 2", german, german), RowRules(language="en"), CLEANER)
    assert isinstance(found, DroppedRow)
    assert found.reason is DropReason.LANGUAGE


def test_what_is_empty_is_named():
    found = judge(SourceRow("row 9", "Who?", " \n"), RowRules(), CLEANER)
    assert found == DroppedRow(DropReason.EMPTY, "row 9: reply is empty", "Who?")


def test_only_steps_that_can_drop_are_named():
    assert set(RowRules().reasons()) == {
        DropReason.DELETED,
        DropReason.BOT,
        DropReason.EMPTY,
        DropReason.LONG,
    }
    every = RowRules(1, 2, 3, "en", WordList(frozenset({"a"})))
    assert {DropReason.SCORE, DropReason.SHORT, DropReason.LANGUAGE, DropReason.WORDS} < set(
        every.reasons()
    )


def test_turns_before_are_cleaned_and_begin_with_a_user():
    before = (
        Turn("system", "Be brief."),
        Turn("user", "old"),
        Turn("assistant", "[deleted]"),
        Turn("assistant", "lost its question"),
        Turn("user", "tea &amp; toast"),
        Turn("assistant", "yes"),
    )
    found = judge(
        SourceRow("row 2", "a", "b", "food", "t1", "me", before=before), RowRules(), CLEANER
    )
    left = (Turn("system", "Be brief."), Turn("user", "tea & toast"), Turn("assistant", "yes"))
    assert found == KeptRow("row 2", Pair("a", "b", "food", left), "t1", "me")


@pytest.mark.parametrize(
    "text",
    [
        "I am a bot, and this action was performed automatically.",
        "^(I'm a bot, bleep bloop)",
        "*I am a bot* | contact my maker",
        "RemindMe! 2 days",
        "!remindme one week",
        "I will be messaging you in 2 days on some date",
        "Your post has been removed because of rule 4.",
        "Please contact the moderators of this subreddit.",
        "good bot",
    ],
)
def test_a_notice_is_known(text):
    assert is_bot_notice(text)


@pytest.mark.parametrize(
    "text",
    [
        "No, I'm a bot. Humans have knees, taxes and bad backs.",
        "What a good bot this is for cooking",
        "Remind me why we do this?",
        "I said that the moderators are tired",
        "The robot performed well.",
    ],
)
def test_what_people_say_of_bots_is_none(text):
    assert not is_bot_notice(text)


@pytest.mark.parametrize(
    ("author", "is_bot"),
    [
        ("AutoModerator", True),
        ("haiku-bot", True),
        ("bot_of_all", True),
        ("abbot", False),
        ("RemindMeBot", True),
        ("sneakpeekbot", True),
        ("haikusbot2", True),
        ("WikiBot42x", True),
        ("xkcdBotPrime", True),
        ("mr_robot", False),
        ("MrRobot", False),
        ("JackTalbot", False),
        ("Botany_fan", False),
        ("bottle", False),
        ("Robotics", False),
        ("AbBothers", False),
    ],
)
def test_an_author_may_be_a_bot(author, is_bot):
    assert is_bot_notice("Nice.", author) is is_bot
