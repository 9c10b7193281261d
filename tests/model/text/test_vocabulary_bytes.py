"""The bytes of each id, for tokenizers of both kinds and for those of neither."""

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from model.loading.base import resolve_base
from model.text.prompt import control_tokens
from model.text.vocabulary_bytes import vocabulary_bytes
from tests.fakes.metaspace_tokenizer import metaspace_tokenizer
from tests.fakes.tiny_model import tiny_tokenizer

TEXT = "hello <b> [1] \u00e9\u65e5\U0001f600\n\n  I"


def word_tokenizer() -> PreTrainedTokenizerFast:
    known = {"[UNK]": 0, "a": 1, "##b": 2}
    made = Tokenizer(models.WordPiece(known, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.decoder = decoders.WordPiece()
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]")


def blanks_tokenizer() -> PreTrainedTokenizerFast:
    return metaspace_tokenizer("never", added=[AddedToken("\n\n", normalized=False, special=False)])


@pytest.mark.parametrize(
    "tokenizer",
    [
        tiny_tokenizer(),
        *map(metaspace_tokenizer, ("first", "always", "never")),
        blanks_tokenizer(),
    ],
)
def test_the_tokens_bytes_are_the_text(tokenizer):
    known = vocabulary_bytes(tokenizer, len(tokenizer) + 7)
    assert known is not None
    assert len(known) == len(tokenizer) + 7
    ids = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    assert b"".join(known[id_] for id_ in ids).removeprefix(b" ") == TEXT.encode()
    assert all(known[id_] == b"" for id_ in control_tokens(tokenizer))
    assert known[len(tokenizer) :] == [b""] * 7
    assert sum(1 for token in known if token) >= 256


def test_ids_that_the_model_lacks_are_left_out():
    tokenizer = tiny_tokenizer()
    last = tokenizer("hello there", add_special_tokens=False)["input_ids"][-1]
    assert isinstance(last, int)
    assert last > 259
    known = vocabulary_bytes(tokenizer, len(tokenizer))
    assert known is not None
    assert known[last]
    cut = vocabulary_bytes(tokenizer, last)  # the probe is written without it
    assert cut is None or len(cut) == last


def test_other_tokenizers_are_not_known():
    assert vocabulary_bytes(word_tokenizer(), 3) is None


def test_a_tokenizer_that_changes_the_text_is_not_known():
    tokenizer = tiny_tokenizer()
    vocabulary = tokenizer.backend_tokenizer.to_str().replace('"ByteLevel"', '"ByteLevel"')
    assert vocabulary_bytes(
        PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(vocabulary)), 300
    )
    known = metaspace_tokenizer("first").backend_tokenizer
    known.decoder = decoders.ByteLevel()  # says that it writes bytes, and does not
    assert vocabulary_bytes(PreTrainedTokenizerFast(tokenizer_object=known), 400) is None


@pytest.mark.demo
def test_the_demo_model_s_vocabulary(demo_home):
    folder = resolve_base("demo", demo_home, lambda *_: None).folder
    demo_tokenizer = AutoTokenizer.from_pretrained(folder)
    known = vocabulary_bytes(demo_tokenizer, 49152)
    assert known is not None
    assert known[demo_tokenizer.eos_token_id] == b""
    assert len({token for token in known if token}) > 49_000
