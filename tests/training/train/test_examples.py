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
    (row,) = encode([Pair("hello there", "an opinion")], RENDERER, 100).rows
    labelled = [label for label in row["labels"] if label != IGNORED]
    assert TOKENIZER.decode(labelled) == "an opinion<|im_end|>"
    start = row["labels"].index(labelled[0])
    assert row["input_ids"][:start] == RENDERER.encode([ChatTurn("user", "hello there")])
    assert row["input_ids"][start:] == row["labels"][start:] == labelled


def test_the_turns_before_the_comment_are_part_of_the_prompt():
    before = (Turn("system", "be brief"), Turn("user", "hi"), Turn("assistant", "hello"))
    (row,) = encode([Pair("how are you", "fine", before=before)], RENDERER, 200).rows
    turns = [ChatTurn(turn.role, turn.content) for turn in before]
    prompt = RENDERER.encode([*turns, ChatTurn("user", "how are you")])
    assert row["input_ids"][: len(prompt)] == prompt
    assert set(row["labels"][: len(prompt)]) == {IGNORED}
    assert IGNORED not in row["labels"][len(prompt) :]


def test_a_typed_control_token_is_no_control_token():
    (row,) = encode([Pair("a<|im_end|>b", "c")], RENDERER, 100).rows
    end = TOKENIZER.get_vocab()["<|im_end|>"]
    assert row["input_ids"].count(end) == 2  # after the comment and after the reply


def test_long_pairs_are_left_out():
    pairs = [Pair("a", "b"), Pair("a", "b" * 500)]
    found = encode(pairs, RENDERER, 60)
    assert (len(found.rows), found.left_out) == (1, 1)
    with pytest.raises(
        PreparedDataError, match="none of 2 rows fits into 3 tokens, even when short"
    ):
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
    rows = encode(ROWS, renderer, 10_000).rows
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


LONG = " ".join(f"word{number}" for number in range(200))
TALK = (PERSONA, HI, HELLO, Turn("user", "and " + "then " * 30), Turn("assistant", "so"))


def learned(row):
    """The prompt's text and the reply's, as the row has them."""
    start = next(i for i, label in enumerate(row["labels"]) if label != IGNORED)
    return TOKENIZER.decode(row["input_ids"][:start]), TOKENIZER.decode(row["input_ids"][start:])


def test_a_long_row_keeps_its_reply_and_the_end_of_what_was_said():
    found = encode([Pair("a", "b"), Pair(LONG, "an opinion")], RENDERER, 100)
    assert (len(found.rows), found.shortened, found.left_out) == (2, 1, 0)
    row = found.rows[1]
    assert 90 < len(row["input_ids"]) <= 100
    prompt, reply = learned(row)
    assert reply == "an opinion<|im_end|>"
    comment = str(prompt).removeprefix("<|im_start|>user\n").split("<|im_end|>")[0]
    assert LONG.endswith(f" {comment}")
    assert comment.startswith("word"), "it begins with a whole word"


def test_earlier_turns_go_before_the_comment_and_the_persona_stays():
    whole = Pair("and soup", "no", before=TALK)
    most = len(encode([whole], RENDERER, 10_000).rows[0]["input_ids"])
    (row,) = encode([whole], RENDERER, most - 1).rows
    expected = Pair("and soup", "no", before=(PERSONA, *TALK[3:]))
    assert row == encode([expected], RENDERER, 10_000).rows[0], "the oldest exchange went"
    less = len(row["input_ids"]) - 1
    (row,) = encode([whole], RENDERER, less).rows
    assert row == encode([Pair("and soup", "no", before=(PERSONA,))], RENDERER, 10_000).rows[0]


def test_the_comment_loses_its_beginning_beside_the_persona():
    (row,) = encode([Pair(LONG, "no", before=TALK)], RENDERER, 100).rows
    prompt, reply = learned(row)
    assert "be a pirate" in prompt
    assert "hello" not in prompt
    assert prompt.count("word199") == 1
    assert reply == "no<|im_end|>"


def test_a_persona_that_leaves_no_room_goes_too():
    persona = Turn("system", LONG)
    (row,) = encode([Pair("and what about soup", "no", before=(persona,))], RENDERER, 100).rows
    assert row == encode([Pair("and what about soup", "no")], RENDERER, 100).rows[0]


def test_text_without_spaces_is_shortened_too():
    found = encode([Pair("湯は" * 300, "no")], RENDERER, 200)
    assert (found.shortened, found.left_out) == (1, 0)
    assert 100 < len(found.rows[0]["input_ids"]) <= 200


def test_a_reply_is_never_shortened():
    found = encode([Pair("a", "b"), Pair(LONG, LONG)], RENDERER, 100)
    assert (len(found.rows), found.shortened, found.left_out) == (1, 0, 1)


def test_rows_may_be_dropped_or_refused_instead(tmp_path):
    pairs = [Pair("a", "b"), Pair(LONG, "b"), Pair("c", LONG)]
    found = encode(pairs, RENDERER, 100, too_long="drop")
    assert (len(found.rows), found.shortened, found.left_out) == (1, 0, 2)
    file = tmp_path / "train.jsonl"
    longest = max(len(r["input_ids"]) for r in encode(pairs, RENDERER, 10_000).rows)
    with pytest.raises(PreparedDataError) as refused:
        encode(pairs, RENDERER, 100, file, too_long="refuse")
    assert str(refused.value).startswith(
        f"2 of 3 rows of {file} have more than 100 tokens (the longest has {longest}): "
    )
    assert 'schedule.too_long="shorten"' in str(refused.value)
    assert len(encode(pairs, RENDERER, longest, too_long="refuse").rows) == 3


@pytest.mark.parametrize("name", NAMES)
def test_every_template_takes_what_is_left_of_a_long_row(name):
    renderer = PromptRenderer(chat_tokenizer(name))
    pairs = [Pair("and " * 40, "no", before=TALK), Pair(LONG, "no", before=TALK)]
    whole = encode(pairs, renderer, 10_000)
    assert whole.shortened == 0
    for limit in (110, 150, 190):
        found = encode(pairs, renderer, limit)
        assert found.shortened == len(found.rows) == 2
        assert all(len(row["input_ids"]) <= limit for row in found.rows)


def test_what_was_done_to_a_side_is_said_in_one_line():
    assert str(encode([Pair("a", "b")], RENDERER, 100)) == "1 row"
    found = encode([Pair("a", "b"), Pair(LONG, "b"), Pair("c", LONG)], RENDERER, 100)
    assert str(found) == "2 of 3 rows (1 shortened, 1 left out: more than 100 tokens)"
