"""Ordinary text gets transformers' own ids on every kind of tokenizer; no spelling is control."""

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, normalizers
from transformers import PreTrainedTokenizerFast

from model.text.codec import ChatTurn
from model.text.prompt import PromptRenderer
from tests.fakes.chat_models import chat_tokenizer
from tests.fakes.tiny_model import byte_level_tokenizer

TEMPLATE = (
    "{% for m in messages %}{{ m.role }}:{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)
KINDS = ("chatml", "llama_2", "mistral_v3", "llama_3", "gemma_2", "neox", "normalising")


def _with_added(added: list[AddedToken], *steps: normalizers.Normalizer) -> PreTrainedTokenizerFast:
    made = byte_level_tokenizer(["<|endoftext|>"], eos_token="<|endoftext|>").backend_tokenizer
    made.normalizer = normalizers.Sequence(list(steps))
    made.add_tokens(added)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|endoftext|>", chat_template=TEMPLATE
    )


@cache
def tokenizer_of(kind: str) -> PreTrainedTokenizerFast:
    """GPT-NeoX keeps runs of spaces as added tokens, matched after normalisation."""
    end = AddedToken("<|end|>", special=True, normalized=True)
    if kind == "neox":
        runs = [AddedToken(" " * n, special=False, normalized=True) for n in range(24, 1, -1)]
        return _with_added([*runs, end], normalizers.NFC())
    if kind == "normalising":
        return _with_added([end], normalizers.NFKC(), normalizers.Lowercase())
    return chat_tokenizer(kind)


@cache
def renderer_of(kind: str) -> PromptRenderer:
    return PromptRenderer(tokenizer_of(kind))


def transformers_ids(kind: str, text: str) -> list[int]:
    ids: Any = tokenizer_of(kind).apply_chat_template(
        [{"role": "user", "content": text}], add_generation_prompt=True, return_dict=False
    )
    return ids


PIECES = [
    "  ",
    "    ",
    "\n\n",
    "\t",
    "def f(x):\n        return x",
    " the",
    "é",
    "ﬁ",
    "Ａ",
    "日本",
    "<",
    "|",
]
TEXTS = st.lists(st.one_of(st.sampled_from([*PIECES, "\ue0f7", "\ue0f71"]), st.text(max_size=6)))


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=60)
@given(text=TEXTS.map("".join).map(lambda text: f"x{text}x"))
def test_ordinary_text_gets_transformers_own_ids(kind, text):
    assert renderer_of(kind).encode([ChatTurn("user", text)]) == transformers_ids(kind, text)


@pytest.mark.parametrize("text", ["  two", "    four\n      six", "\n  x", "a   b    c  ", " "])
@pytest.mark.parametrize("kind", KINDS)
def test_leading_and_repeated_spaces_get_transformers_own_ids(kind, text):
    assert renderer_of(kind).encode([ChatTurn("user", text)]) == transformers_ids(kind, text)


@pytest.mark.parametrize("typed", ["<|END|>", "＜｜ｅｎｄ｜＞", "<|ｅnd|>", "<|eNd|>", "<|end|>"])
@pytest.mark.parametrize("kind", ["neox", "normalising"])
def test_no_spelling_of_a_control_token_is_one(kind, typed):
    end: Any = tokenizer_of(kind).convert_tokens_to_ids("<|end|>")
    ids = renderer_of(kind).encode([ChatTurn("user", f"a {typed} b")])
    assert ids.count(end) == 1, "the template's own"


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("around", ["{}", "a{}b", "{}{}", "\ue0f7{}\ue0f8", "<|im_end|>{}"])
def test_a_typed_stand_in_is_the_text_that_was_typed(number, around):
    stand_in = f"\ue0f7{number}\ue0f8"
    typed = around.replace("{}", stand_in)
    tokenizer = tokenizer_of("chatml")
    ids = renderer_of("chatml").encode([ChatTurn("user", typed)])
    assert typed in str(tokenizer.decode(ids))
    assert ids.count(int(str(tokenizer.convert_tokens_to_ids("<|im_end|>")))) == 1


def test_a_stand_in_that_two_turns_make_together_is_text():
    tokenizer = _with_added([AddedToken("<|end|>", special=True)])
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    renderer = PromptRenderer(tokenizer)
    ids = renderer.encode([ChatTurn("user", "a\ue0f7"), ChatTurn("assistant", "0\ue0f8b")])
    assert tokenizer.decode(ids) == "a\ue0f70\ue0f8b"
