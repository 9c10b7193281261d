"""Examples carry labels on the reply alone, and batches are padded without a loss."""

import pytest

from data.files.datasets import Pair
from data.records import Turn
from model.text.prompt import ChatTurn, PromptRenderer
from tests.fakes.tiny_model import tiny_tokenizer
from training.errors import PreparedDataError
from training.prepare.sides import Side
from training.train.examples import IGNORED, encode, read_side

TOKENIZER = tiny_tokenizer()
RENDERER = PromptRenderer(TOKENIZER)


def test_only_the_reply_and_its_end_have_labels():
    (row,) = encode([Pair("hello there", "an opinion")], RENDERER, 100)
    labelled = [label for label in row["labels"] if label != IGNORED]
    assert TOKENIZER.decode(labelled) == "an opinion<|im_end|>"
    start = row["labels"].index(labelled[0])
    assert row["input_ids"][:start] == RENDERER.encode([ChatTurn("user", "hello there")])
    assert row["input_ids"][start:] == row["labels"][start:] == labelled


def test_the_turns_before_the_comment_are_part_of_the_prompt():
    before = (Turn("system", "be brief"), Turn("user", "hi"), Turn("assistant", "hello"))
    (row,) = encode([Pair("how are you", "fine", before=before)], RENDERER, 200)
    turns = [ChatTurn(turn.role, turn.content) for turn in before]
    prompt = RENDERER.encode([*turns, ChatTurn("user", "how are you")])
    assert row["input_ids"][: len(prompt)] == prompt
    assert set(row["labels"][: len(prompt)]) == {IGNORED}
    assert IGNORED not in row["labels"][len(prompt) :]


def test_a_typed_control_token_is_no_control_token():
    (row,) = encode([Pair("a<|im_end|>b", "c")], RENDERER, 100)
    end = TOKENIZER.get_vocab()["<|im_end|>"]
    assert row["input_ids"].count(end) == 2  # after the comment and after the reply


def test_long_pairs_are_left_out():
    pairs = [Pair("a", "b"), Pair("a", "b" * 500)]
    assert len(encode(pairs, RENDERER, 60)) == 1
    with pytest.raises(PreparedDataError, match="raise max_tokens"):
        encode(pairs, RENDERER, 3)


def test_a_missing_or_empty_side_is_one_clear_line(tmp_path):
    with pytest.raises(PreparedDataError, match=r"train\.jsonl is missing"):
        read_side(tmp_path, Side.TRAIN)
    (tmp_path / "train.jsonl").touch()
    with pytest.raises(PreparedDataError, match=r"train\.jsonl is empty"):
        read_side(tmp_path, Side.TRAIN)
