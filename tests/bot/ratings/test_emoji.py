import pytest

from bot.config.settings import load_settings
from bot.errors import BadRating, SettingsError
from bot.ratings.emoji import DEFAULT, RatingEmoji, parse_kind
from data.records import RatingKind

GOOD, BAD, FUNNY, ROBOTIC = RatingKind
KITTEN = "<:kitten:123456789012345678>"


def test_the_default_offers_every_kind_in_order():
    emoji = RatingEmoji.parse(DEFAULT)
    assert list(emoji.of_kind.items()) == [(kind, kind.emoji) for kind in RatingKind]


@pytest.mark.parametrize(
    ("key", "kind"),
    [("👍", GOOD), ("👍🏽", GOOD), ("👎\ufe0f", BAD), ("😂", FUNNY), ("🍕", None), ("", None)],
)
def test_a_reaction_says_its_kind_in_any_skin_tone(key, kind):
    assert RatingEmoji.parse(DEFAULT).kind(key) is kind


def test_custom_emoji_go_by_their_number():
    emoji = RatingEmoji.parse(f"good={KITTEN}, bad = <a:no:123456789012345679>, funny=🤣")
    assert emoji.kind("123456789012345678") is GOOD
    assert emoji.kind("123456789012345679") is BAD
    assert emoji.kind("kitten") is None
    assert emoji.kind("👍") is None
    assert ROBOTIC not in emoji.of_kind


def test_a_configured_skin_tone_means_every_one():
    assert RatingEmoji.parse("good=👍🏿").kind("👍🏻") is GOOD


@pytest.mark.parametrize(
    "text",
    [
        "good", "good=", "great=👍", "good=👍,good=😀", "good=👍,bad=👍🏿", "good=ok",
        "good=<:x:1>", f"good={KITTEN},bad=<:other:123456789012345678>", "good=" + "👍" * 40,
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_what_can(text, monkeypatch):
    with pytest.raises(ValueError):
        RatingEmoji.parse(text)
    monkeypatch.setenv("RATING_EMOJI", text)
    with pytest.raises(SettingsError, match=r"RATING_EMOJI=.*good=👍,bad=👎"):
        load_settings(None)


def test_settings_read_it(monkeypatch):
    monkeypatch.setenv("RATING_EMOJI", "funny=🎉")
    assert load_settings(None).emoji.of_kind == {FUNNY: "🎉"}


def test_an_unknown_rating_is_answered_with_those_there_are():
    with pytest.raises(BadRating, match="👍 good, 👎 bad, 😂 funny, 🤖 robotic"):
        parse_kind("meh")
