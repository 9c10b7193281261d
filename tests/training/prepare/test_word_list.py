"""Listed words are found whole, in any case."""

import pytest

from training.errors import PreparationError
from training.prepare.word_list import WordList, read_word_list


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A PARSNIP!", "parsnip"),
        ("parsnips", None),
        ("Straße frei", "strasse"),
        ("a bad  turnip soup", "bad turnip"),
        ("a turnip, bad", None),
        ("c++ is fine", "c++"),
    ],
)
def test_whole_words_are_found(text, found):
    assert WordList(frozenset({"Parsnip", "strasse", "bad turnip", "c++"})).finds(text) == found


def test_an_empty_list_finds_nothing():
    assert not WordList(frozenset())
    assert WordList(frozenset()).finds("anything") is None


def test_a_list_is_read_from_a_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("# roots\nParsnip\n\n bad turnip \n", encoding="utf-8")
    assert read_word_list(path).words == {"parsnip", "bad turnip"}


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), (b"# none\n", "has no word"), (b"a\xff", "not UTF-8 (byte 1)")],
)
def test_a_bad_list_is_one_clear_line(tmp_path, content, words):
    path = tmp_path / "words.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PreparationError) as caught:
        read_word_list(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
