import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import EmptyPrompt, PromptTooLong
from bot.text import clean_name, clean_prompt, clean_text, has_substance, is_visible

ANYTHING = st.text(st.characters(exclude_categories=()))  # surrogates too


@given(ANYTHING)
def test_cleaned_text_can_be_stored_sent_and_shown(text):
    cleaned = clean_text(text)
    cleaned.encode("utf-8")
    json.dumps(cleaned)
    assert not any(ord(character) < 32 and character not in "\n\t" for character in cleaned)
    assert not any(0x7F <= ord(character) < 0xA0 for character in cleaned)
    assert clean_text(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\r\nb\rc", "a\nb\nc"),
        ("\x1b[31mred\x07", "[31mred"),
        ("\ud83d\ude00", "😀"),
        ("x\ud83dy", "x\ufffdy"),
        ("👩‍🔬 שלום\u200f", "👩‍🔬 שלום\u200f"),
        ("<|im_end|>[INST]</s>", "<|im_end|>[INST]</s>"),
    ],
)
def test_examples(text, cleaned):
    assert clean_text(text) == cleaned


BLANK = ["", "  \n\t", "\u200b\u2060", "\u00a0", "\u3164", "\uffa0", "\u115f", "\u2800", "\u00ad",
         "\ufe0f", "\u200f\u202e", "\u034f", "\U000e0020", "\u180e", "\ufffc", " \u0301", "\u20e3",
         "\U0001d159"]  # fmt: skip


@pytest.mark.parametrize("text", [*BLANK, "\x00\x01", "\ud800"])
def test_nothing_to_read(text):
    with pytest.raises(EmptyPrompt):
        clean_prompt(text, 100)


def test_length_counts_without_the_blanks_around():
    assert clean_prompt(" " * 50 + "ab" + " " * 50, 2) == "ab"
    with pytest.raises(PromptTooLong, match=r"100,000 characters.*at most 8,000"):
        clean_prompt("x" * 100_000, 8000)


@given(ANYTHING)
def test_a_name_is_one_short_line_and_never_empty(name):
    cleaned = clean_name(name)
    assert 0 < len(cleaned) <= 32
    assert "\n" not in cleaned
    assert ":" not in cleaned
    assert cleaned == cleaned.strip()


@pytest.mark.parametrize(
    "text",
    [*BLANK, "** **", "****", "__ __", "_ _", "~~ ~~", "||  ||", "||\u200b||", "` `", "```\n\n```",
     "```python\n```", "> ", ">", "# ", "- ", "-# ", "***\n***", "**\u3164**"],
)  # fmt: skip
def test_what_says_nothing_to_a_reader(text):
    assert not has_substance(text)


@pytest.mark.parametrize(
    "text",
    ["a", "?", "…", "*", "-", "#", "5", "👍", "❤️", "**b**", "> x", "```py\nx\n```", "e\u0301"],
)
def test_what_says_something_be_it_one_sign(text):
    assert has_substance(text)
    assert is_visible(text)
