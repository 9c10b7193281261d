from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.discord.answer.markup import MARK, open_fence
from bot.discord.answer.splitting import MESSAGE_UNITS, boundaries, split, units

FAMILY = "👩‍👩‍👧‍👦"
FLAG = "🇩🇪"
WAVE = "👋🏽"
parts = st.sampled_from(
    [
        "word ", "Ends here. ", "line\n", "\n\n", " ", "x" * 30, FAMILY, FLAG, WAVE, "é", "1️⃣",
        "```", "```py\n", "```c++\n", "\n```\n", "`", "``", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "。", "각", "a\u0301",
    ]
)  # fmt: skip
texts = st.lists(parts | st.text(max_size=5), max_size=120).map("".join)


@given(texts, st.integers(40, 120))
@example("```py\n" + "x = 1\n" * 30 + "```", 60)
@example("`" * 200, 40)
@settings(max_examples=300, deadline=None)
def test_pieces_fit_and_their_bodies_are_the_text(text: str, limit: int):
    pieces = split(text, limit)
    assert "".join(piece.body for piece in pieces) == text
    assert all(0 < units(piece.content) <= limit for piece in pieces)
    assert all(piece.body for piece in pieces)


@given(texts, st.integers(60, 120))
@settings(max_examples=200, deadline=None)
def test_no_character_is_cut(text: str, limit: int):
    at = 0
    for piece in split(text, limit)[:-1]:
        at += len(piece.body)
        longest = max(len(run) for run in _clusters(text))
        assert at in boundaries(text) or longest > limit // 3


@given(texts, st.integers(40, 120))
@settings(max_examples=200, deadline=None)
def test_no_piece_leaves_a_block_open(text: str, limit: int):
    for piece in split(text, limit):
        assert open_fence(piece.content, len(piece.content), None) is None


@given(texts, st.integers(60, 120), st.integers(0, 400))
@settings(max_examples=200, deadline=None)
def test_a_growing_text_keeps_its_first_pieces(text: str, limit: int, end: int):
    now, later = split(text[:end], limit), split(text, limit)
    settled = [piece.content for piece in now[:-2]]
    assert settled == [piece.content for piece in later[: len(settled)]]


def _clusters(text: str) -> list[str]:
    cuts = [0, *sorted(boundaries(text))]
    return [text[a:b] for a, b in pairwise(cuts)] or [""]


def test_a_message_that_fits_is_left_alone():
    text = "a" * MESSAGE_UNITS
    assert [piece.content for piece in split(text)] == [text]
    assert split("") == []


def test_astral_characters_count_twice():
    assert [len(piece.body) for piece in split("😀" * 1500)] == [1000, 500]


@pytest.mark.parametrize(
    ("separator", "kind"),
    [("\n\n", "paragraph"), ("\n", "line"), (". ", "sentence"), (" ", "word")],
)
def test_it_is_cut_at_the_best_place(separator: str, kind: str):
    text = "a" * 60 + separator + "b" * 60
    assert [piece.body for piece in split(text, 100)] == ["a" * 60 + separator, "b" * 60], kind


def test_a_paragraph_is_better_than_a_word():
    text = "a" * 50 + "\n\n" + "b " * 40
    assert split(text, 100)[0].body == "a" * 50 + "\n\n"


@pytest.mark.parametrize("emoji", [FAMILY, FLAG, WAVE, "1️⃣", "é", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"])
def test_emoji_sequences_stay_whole(emoji: str):
    text = emoji * 60
    for piece in split(text, 41):
        assert piece.body == emoji * (len(piece.body) // len(emoji))


@pytest.mark.parametrize(
    ("script", "word", "clusters"),
    [
        ("Devanagari conjuncts", "क्षत्रिय", ["क्ष", "त्रि", "य"]),
        ("Thai vowel after its consonant", "ทำน้ำ", ["ทำ", "น้ำ"]),
        ("Tamil vowel signs", "நிலா", ["நி", "லா"]),
        ("Hangul syllables in parts", "\u1112\u1161\u11ab\u1100\u1173\u11af", None),
        ("emoji joined by ZWJ", FAMILY + "👩🏽‍🚀", [FAMILY, "👩🏽‍🚀"]),
        ("flags", FLAG + "🇫🇷" + "🏴󠁧󠁢󠁥󠁮󠁧󠁿", [FLAG, "🇫🇷", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]),
    ],
)
@pytest.mark.parametrize("shift", range(4))
def test_no_script_is_torn(script: str, word: str, clusters: list[str] | None, shift: int):
    """Cut wherever the limit falls, each piece consists of whole clusters of the script."""
    clusters = clusters or [word[:3], word[3:]]
    text = "x" * shift + word * 60
    whole = {0}
    for cluster in ["x"] * shift + clusters * 60:
        whole.add(max(whole) + len(cluster))
    at = 0
    for piece in split(text, 41):
        at += len(piece.body)
        assert at in whole, f"{script} is torn at {at}: {text[at - 2 : at + 2]!r}"


def test_a_block_is_closed_and_opened_with_its_language():
    pieces = split("```python\n" + "x = 1\n" * 20 + "```\nDone.", 80)
    assert len(pieces) > 1
    assert pieces[0].content.endswith("x = 1\n```")
    assert all(piece.content.startswith("```python\n") for piece in pieces[:-1])
    assert pieces[-1].content.endswith("Done.")


def test_a_block_is_not_opened_for_nothing():
    pieces = split("a" * 70 + "\n```py\n" + "b" * 60 + "\n```", 80)
    assert pieces[0].content == "a" * 70 + "\n"
    assert pieces[1].content == "```py\n" + "b" * 60 + "\n```"


def test_a_closing_comes_along():
    pieces = split("```\n" + "b" * 50 + "\n```" + "c" * 50, 62)
    assert pieces[0].content == "```\n" + "b" * 50 + "\n```"
    assert MARK not in pieces[1].content


def test_a_character_longer_than_a_message_is_cut_after_all():
    zalgo = "a" + "\u0301" * 100
    pieces = split(zalgo, 40)
    assert "".join(piece.body for piece in pieces) == zalgo
    assert all(len(piece.body) <= 40 for piece in pieces)


def test_halves_of_a_pair_and_line_ends_stay_together():
    assert 1 not in boundaries("\ud83d\ude00")
    assert 1 not in boundaries("\r\n")
    assert 1 in boundaries("ab")
    assert 2 in boundaries("🇩🇪🇫🇷")
    assert 3 not in boundaries("🇩🇪🇫🇷")


def test_the_signs_of_a_block_stay_together():
    pieces = split("a" * 55 + "```b```" + "c" * 60, 60)
    assert pieces[0].body == "a" * 55
