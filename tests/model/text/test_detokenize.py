"""Pieces joined are the whole text, and no piece holds a part of a character."""

from collections.abc import Sequence
from itertools import groupby
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

from model.loading.base import resolve_base
from model.text.detokenize import IncrementalDetokenizer, special_tokens
from tests.fakes.metaspace_tokenizer import metaspace_tokenizer
from tests.fakes.tiny_model import tiny_tokenizer

TINY, MISTRAL = tiny_tokenizer(), metaspace_tokenizer()
HARD = [
    "plain words, and a  double space",
    " leading and trailing ",
    "é à ü ß ñ",
    "日本語の文章",
    "🎉🎉🎉 party 👩‍👩‍👧‍👦 family 🇩🇪 flag 👍🏽",
    "e\u0301a\u0308 \u0928\u0940 combining",
    "\n\n  indented\n\ttab\r\n",
    "a\ufffdb",
    "\ufffd\ufffd",
]


def new(tokenizer, after: Sequence[int] = ()) -> IncrementalDetokenizer:
    return IncrementalDetokenizer(tokenizer, special_tokens(tokenizer).values(), after)


def pieces(tokenizer, ids: list[int]) -> list[str]:
    detokenizer = new(tokenizer)
    return [*(detokenizer.add(id_) for id_ in ids), detokenizer.flush()]


def mistral_ids(names: list[str]) -> list[int]:
    return cast("list[int]", MISTRAL.convert_tokens_to_ids(names))


def whole(tokenizer, ids: list[int]) -> str:
    return tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)


@pytest.mark.parametrize("text", HARD)
@pytest.mark.parametrize("tokenizer", [TINY, MISTRAL], ids=["bytes", "metaspace"])
def test_hard_texts_come_back_as_they_were(tokenizer, text):
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert "".join(pieces(tokenizer, ids)) == whole(tokenizer, ids)
    # A Metaspace tokenizer itself takes a leading space for the one it would put there.
    assert whole(tokenizer, ids) == (text if tokenizer is TINY else text.removeprefix(" "))


@pytest.mark.parametrize("tokenizer", [TINY, MISTRAL], ids=["bytes", "metaspace"])
def test_a_character_arrives_whole_or_not_yet(tokenizer):
    ids = tokenizer("a🎉é", add_special_tokens=False)["input_ids"]
    assert len(ids) >= 7, "one token a byte"
    shown = [piece for piece in pieces(tokenizer, ids) if piece]
    assert shown == ["a", "🎉", "é"]


def test_words_keep_the_space_before_them_and_the_text_has_none():
    ids = MISTRAL("hi the b", add_special_tokens=False)["input_ids"]
    assert MISTRAL.convert_ids_to_tokens(ids) == ["▁hi", "▁the", "▁b"]
    assert pieces(MISTRAL, ids) == ["hi", " the", " b", ""]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["▁", "▁hi"], " hi"),
        (["▁hi", "</s>", "▁the"], "hi the"),
        (["[INST]", "▁hi"], "hi"),
        (["▁hi", "▁", "▁", "▁the"], "hi   the"),
        (["<0xF0>", "</s>", "<0x9F>", "<0x8E>", "<0x89>"], "🎉"),
    ],
)
def test_silent_tokens_and_lone_spaces_leave_the_text_as_it_is(names, expected):
    ids = mistral_ids(names)
    assert "".join(pieces(MISTRAL, ids)) == whole(MISTRAL, ids) == expected


@pytest.mark.parametrize("tokenizer", [TINY, MISTRAL], ids=["bytes", "metaspace"])
def test_an_unfinished_end_is_only_shown_by_flush(tokenizer):
    ids = tokenizer("x🎉", add_special_tokens=False)["input_ids"][:-1]
    *shown, last = pieces(tokenizer, ids)
    assert "".join(shown) == "x"
    assert set(last) == {"\ufffd"}
    assert "x" + last == whole(tokenizer, ids)


def test_nothing_in_nothing_out():
    detokenizer = new(TINY)
    assert detokenizer.flush() == ""
    detokenizer.add(TINY("a")["input_ids"][0])
    assert (detokenizer.flush(), detokenizer.flush()) == ("", "")


@settings(deadline=None, max_examples=300)
@given(ids=st.lists(st.integers(0, len(TINY) - 1), max_size=30))
def test_any_ids_of_a_byte_level_tokenizer(ids):
    shown = pieces(TINY, ids)
    assert "".join(shown) == whole(TINY, ids)
    assert not any(piece.endswith("\ufffd") for piece in shown[:-1])


BYTES = mistral_ids([f"<0x{byte:02X}>" for byte in range(256)])
WORDS = [id_ for id_ in range(len(MISTRAL)) if id_ not in BYTES]
CHARACTERS = st.characters(codec="utf-8", exclude_characters="\ufffd").map(
    lambda character: [BYTES[byte] for byte in character.encode()]
)


@settings(deadline=None, max_examples=300)
@given(
    parts=st.lists(
        st.one_of(st.sampled_from(WORDS).map(lambda id_: [id_]), CHARACTERS), max_size=20
    ),
    unfinished=CHARACTERS.map(lambda ids: ids[:-1]),
)
def test_any_words_and_characters_of_a_metaspace_tokenizer(parts, unfinished):
    finished = [id_ for part in parts for id_ in part]
    *shown, last = pieces(MISTRAL, finished + unfinished)
    assert "".join(shown) == whole(MISTRAL, finished)
    assert (set(last) == {"\ufffd"}) if unfinished else (last == "")


@pytest.mark.demo
@pytest.mark.parametrize("text", HARD)
def test_hard_texts_of_the_demo_model(demo_home, text):
    folder = resolve_base("demo", demo_home, lambda *_: None).folder
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert "".join(pieces(tokenizer, ids)) == text


class Counting:
    """A tokenizer that counts the ids it is given to decode."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.decoded = 0
        self.added_tokens_decoder = tokenizer.added_tokens_decoder
        self._tokenizer = tokenizer

    def decode(self, ids: list[int], **options: bool) -> str:
        self.decoded += len(ids)
        return whole(self._tokenizer, ids)


@pytest.mark.parametrize("tokenizer", [TINY, MISTRAL], ids=["bytes", "metaspace"])
@pytest.mark.parametrize("run", [[0xA2], [0xE2, 0x82], [0xF0, 0x9F, 0x8E, 0xE2]])
def test_a_run_of_undecodable_bytes_neither_stalls_nor_costs_quadratic_time(tokenizer, run):
    names = [f"<0x{byte:02X}>" for byte in run] if tokenizer is MISTRAL else byte_names(run)
    start, end = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("a", "b"))
    ids = [*start, *tokenizer.convert_tokens_to_ids(names) * (2000 // len(run)), *end]
    counting = Counting(tokenizer)
    shown = pieces(counting, ids)
    assert "".join(shown) == whole(tokenizer, ids)
    assert counting.decoded < 100 * len(ids)
    gaps = [len(list(gap)) for empty, gap in groupby(shown, key=lambda piece: not piece) if empty]
    assert max(gaps) < 50


def byte_names(run: list[int]) -> list[str]:
    """How a byte-level vocabulary calls these bytes."""
    names = bytes_to_unicode()
    return [names[byte] for byte in run]


def test_a_text_that_goes_on_keeps_the_space_before_its_first_word():
    ids = mistral_ids(["▁hi", "▁the"])
    anew, after = new(MISTRAL), new(MISTRAL, ids[:1])
    assert anew.add(ids[1]) + anew.flush() == "the"
    assert after.add(ids[1]) + after.flush() == " the"
