"""A text that is no conversation: transformers' own ids, and no control token but the first."""

from functools import cache

import pytest
from hypothesis import given, settings
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from model.text.prompt import PromptRenderer, control_tokens
from tests.fakes.chat_models import chat_tokenizer, token_id
from tests.model.text.test_typed_text import KINDS, TEXTS, tokenizer_of

ENDS = {"both": "<s> $A </s>", "begin": "<s> $A", "none": "$A"}


@cache
def plain_renderer(kind: str) -> PromptRenderer:
    return PromptRenderer(tokenizer_of(kind))


@cache
def surrounding(ends: str) -> PreTrainedTokenizerFast:
    """A tokenizer that puts control tokens around every text."""
    tokenizer = chat_tokenizer("mistral_v3")
    special = [(name, tokenizer.convert_tokens_to_ids(name)) for name in ("<s>", "</s>")]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=ENDS[ends], special_tokens=special
    )
    return tokenizer


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=40)
@given(text=TEXTS.map("".join).filter(lambda text: "\ue0f7" not in text))
def test_ordinary_text_gets_transformers_own_ids(kind, text):
    assert plain_renderer(kind).encode_text(text) == tokenizer_of(kind)(text)["input_ids"]


@pytest.mark.parametrize("ends", ENDS)
def test_what_begins_a_text_is_there_and_what_ends_one_is_not(ends):
    tokenizer = surrounding(ends)
    given_ = PromptRenderer(tokenizer).encode_text("hi the b")
    wanted = tokenizer("hi the b")["input_ids"]
    assert given_ == (wanted[:-1] if ends == "both" else wanted)
    begin = token_id(tokenizer, "<s>")
    assert given_.count(begin) == (0 if ends == "none" else 1)
    assert PromptRenderer(tokenizer).encode_text("") == given_[: given_.count(begin)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_typed_control_token_is_text(kind):
    tokenizer = tokenizer_of(kind)
    plain = len(plain_renderer(kind).encode_text(""))
    for id_, typed in control_tokens(tokenizer).items():
        ids = plain_renderer(kind).encode_text(f"a{typed}b")[plain:]
        assert not set(ids) & set(control_tokens(tokenizer)), (id_, typed)
