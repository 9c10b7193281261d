"""The bytes of tokens, joined, are those of the text; no token is left without its own."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.convert_slow_tokenizer import bytes_to_unicode

from model.text.token_bytes import TokenBytes
from tests.fakes.chat_models import token_id
from tests.fakes.metaspace_tokenizer import metaspace_tokenizer
from tests.fakes.tiny_model import tiny_tokenizer
from tests.model.text.test_typed_text import KINDS, tokenizer_of

PIECES = ["hi", " the", "  ", "\n\n", "é", "日本", "🎉", "👩‍👩‍👧", "\ufffd", "\t", "<0x41>", " b"]
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=4)).map("".join)
BYTES = {kind: TokenBytes(tokenizer_of(kind)) for kind in KINDS if kind != "normalising"}


@pytest.mark.parametrize("kind", BYTES)
@settings(deadline=None, max_examples=60)
@given(text=TEXTS)
def test_joined_they_are_the_text(kind, text):
    tokenizer = tokenizer_of(kind)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    joined = b"".join(BYTES[kind][id_] for id_ in ids)
    # SentencePiece puts a space before some texts.
    assert joined in (text.encode(), b" " + text.encode())


def test_each_byte_level_token_is_transformers_own():
    tokenizer = tiny_tokenizer()
    encoder = {character: byte for byte, character in bytes_to_unicode().items()}
    found = TokenBytes(tokenizer)
    control = set(tokenizer.added_tokens_decoder)
    assert control
    for id_ in range(len(tokenizer)):
        token = str(tokenizer.convert_ids_to_tokens(id_))
        if id_ in control:
            assert found[id_] == token.encode()
        else:
            assert list(found[id_]) == [encoder[character] for character in token]


def test_sentencepiece_s_bytes_and_spaces():
    tokenizer = metaspace_tokenizer()
    found = TokenBytes(tokenizer)
    wanted = {
        "<0xE6>": b"\xe6",
        "<0x41>": b"A",
        "▁": b" ",
        "▁▁": b"  ",
        "▁hi": b" hi",
        "th": b"th",
        "</s>": b"</s>",
    }
    assert {token: found[token_id(tokenizer, token)] for token in wanted} == wanted
    assert found[10**6] == b""
