"""Bots are known by what they always say, and by their names."""

import pytest

from training.prepare.notices import is_notice


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
    assert is_notice(text)


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
    assert not is_notice(text)


@pytest.mark.parametrize(
    ("author", "is_bot"),
    [("AutoModerator", True), ("haiku-bot", True), ("bot_of_all", True), ("abbot", False)],
)
def test_an_author_may_be_a_bot(author, is_bot):
    assert is_notice("Nice.", author) is is_bot
