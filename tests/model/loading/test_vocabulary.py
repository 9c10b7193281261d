"""A tokenizer with more ids than the model has rows is kept from reaching the model."""

from pathlib import Path

import pytest
import torch

from model.assembly import TokenizerCodec
from model.errors import BadParameter, ConfigError
from model.loading.base import no_progress, resolve_base
from model.loading.quantised import load_quantised
from model.text.codec import ChatTurn
from tests.fakes.tiny_model import make_tiny, tiny_tokenizer


def load(folder: Path):
    base = resolve_base(str(folder), folder, no_progress)
    return load_quantised(base, compute_dtype=torch.float32, trainable=False)


def test_a_tokenizer_that_makes_text_into_ids_without_a_row_is_refused(tmp_path):
    folder = make_tiny(tmp_path / "tiny", vocab_size=len(tiny_tokenizer()) - 5)
    with pytest.raises(ConfigError, match=r"tiny: the tokenizer knows ids up to \d+.*rows") as told:
        load(folder)
    assert len(str(told.value).splitlines()) == 1


def test_an_added_token_without_a_row_does_no_harm_when_it_is_typed(tmp_path):
    tokenizer = tiny_tokenizer()
    rows = len(tokenizer)
    tokenizer.add_special_tokens({"pad_token": "<pad>"})
    tokenizer.add_tokens(["<tool>"])
    folder = make_tiny(tmp_path / "tiny", tokenizer=tokenizer, vocab_size=rows)
    _, loaded = load(folder)
    codec = TokenizerCodec(loaded, rows=rows)
    ids = codec.encode_chat([ChatTurn("user", "a <pad> and a <tool>")])
    assert max(ids) < rows


def test_a_template_that_writes_a_token_without_a_row_is_refused_by_name():
    tokenizer = tiny_tokenizer()
    rows = len(tokenizer)
    tokenizer.add_special_tokens({"pad_token": "<system>"})
    tokenizer.chat_template = (
        "{% for m in messages %}{% if m.role == 'system' %}<system>{% endif %}"
        "{{ m.content }}\n{% endfor %}"
    )
    codec = TokenizerCodec(tokenizer, rows=rows)
    assert codec.encode_chat([ChatTurn("user", "hi")])
    with pytest.raises(BadParameter, match="writes <system>, which the model lacks"):
        codec.encode_chat([ChatTurn("system", "be kind"), ChatTurn("user", "hi")])


def test_a_template_that_always_writes_one_stops_the_start():
    tokenizer = tiny_tokenizer()
    rows = len(tokenizer)
    tokenizer.add_special_tokens({"pad_token": "<turn>"})
    tokenizer.chat_template = "{% for m in messages %}<turn>{{ m.content }}\n{% endfor %}"
    with pytest.raises(ConfigError, match="cannot chat: the chat template writes <turn>"):
        TokenizerCodec(tokenizer, rows=rows)
