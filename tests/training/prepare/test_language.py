"""The language is judged where a text is long enough, and only there."""

import pytest

from data.files.datasets import PAIRS, read_pairs
from training.errors import PreparationError
from training.prepare.language import check_language, is_in

ENGLISH = "I would rather walk home in the rain than wait for that bus again."
GERMAN = "Ich gehe lieber im Regen nach Hause, als noch einmal auf den Bus zu warten."


@pytest.mark.parametrize(
    ("comment", "reply", "passes"),
    [
        (ENGLISH, ENGLISH, True),
        (ENGLISH, GERMAN, False),
        (GERMAN, GERMAN, False),
        ("Warum denn nicht?", GERMAN, False),
        ("Ach, warum denn nicht,", "wenn es doch regnet?", False),
        ("Nein!", "Doch!", True),
        ("Why?", ENGLISH, True),
    ],
)
def test_only_english_passes(comment, reply, passes):
    assert is_in("en", comment, reply) is passes


def test_our_own_pairs_are_all_english():
    pairs = read_pairs(PAIRS)
    assert [pair for pair in pairs if not is_in("en", pair.comment, pair.reply)] == []


def test_a_language_nobody_knows_is_refused():
    check_language("any")
    check_language("de")
    with pytest.raises(PreparationError, match="--language klingon is not any, "):
        check_language("klingon")
