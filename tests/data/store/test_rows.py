import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.store.rows import clean

any_text = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\0b", "a\ufffdb"),
        ("é\0", "é\ufffd"),
        ("\ud800", "\ufffd"),
        ("a\udc00b", "a\ufffdb"),
        ("\ud800x", "\ufffdx"),
        ("\ud83d\ude00", "😀"),
        ("\x1b[31m\t\x7f\ufeff", "\x1b[31m\t\x7f\ufeff"),
    ],
)
def test_only_what_cannot_be_held_is_replaced(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@given(any_text)
def test_any_text_becomes_one_that_utf8_holds(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert "\0" not in cleaned
    assert clean(cleaned) == cleaned


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_sound_text_is_kept(text: str) -> None:
    assert clean(text) == text
