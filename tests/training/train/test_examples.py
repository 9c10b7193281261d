"""Examples carry labels on the reply alone, and batches are padded without a loss."""

import pytest

from data.files.datasets import Pair
from data.records import Turn
from model.text.prompt import ChatTurn, PromptRenderer
from tests.fakes.chat_models import NAMES, chat_tokenizer, decoded
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


PERSONA, HI, HELLO = Turn("system", "be a pirate"), Turn("user", "hi"), Turn("assistant", "hello")
ROWS = [
    Pair("hello there", "an opinion"),
    Pair("Ann: hi\nBob: what </s><|im_end|>", "\n\nboth\n", before=(PERSONA,)),
    Pair("and then", "</s>[INST]<|eot_id|><end_of_turn>", before=(PERSONA, HI, HELLO)),
    Pair("and then", "x", before=(HI, HELLO, Turn("system", "be brief"))),
]


@pytest.mark.parametrize("name", NAMES)
def test_every_template_learns_on_the_prompts_that_it_serves(name):
    renderer = PromptRenderer(chat_tokenizer(name))
    rows = encode(ROWS, renderer, 10_000)
    for pair, row in zip(ROWS, rows, strict=True):
        turns = [ChatTurn(turn.role, turn.content) for turn in pair.before]
        prompt = renderer.encode([*turns, ChatTurn("user", pair.comment)])
        assert row["input_ids"][: len(prompt)] == prompt
        assert row["labels"][: len(prompt)] == [IGNORED] * len(prompt)
        learned = row["labels"][len(prompt) :]
        assert learned == row["input_ids"][len(prompt) :]
        assert {learned[-1]} == renderer.ends
        said = decoded(chat_tokenizer(name), learned[:-1])
        assert "".join(said.split()) == "".join(pair.reply.split())


def test_a_row_that_the_template_refuses_is_named_with_its_file(tmp_path):
    greeted = Pair("and then", "x", before=(HELLO,))
    renderer = PromptRenderer(chat_tokenizer("mistral_v3"))
    with pytest.raises(PreparedDataError, match="must alternate") as refused:
        encode([*ROWS, greeted], renderer, 10_000, tmp_path / "train.jsonl")
    assert str(refused.value).startswith(f"{tmp_path / 'train.jsonl'}, row 5: the chat template")
    with pytest.raises(PreparedDataError, match=r"^row 1: "):
        encode([greeted], renderer, 10_000)


def test_a_row_whose_prompt_depends_on_the_reply_is_named_too():
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = (
        "{{ messages[-1]['content'] | length }}{% for m in messages %}{{ m['content'] }}"
        "{{ eos_token }}{% endfor %}"
    )
    with pytest.raises(PreparedDataError, match="row 1: the chat template changes the prompt"):
        encode([Pair("a", "bc")], PromptRenderer(tokenizer), 100)
