"""The bytes that each token of a vocabulary stands for in an answer."""

import json
from typing import cast

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from model.text.prompt import control_tokens
from model.text.token_bytes import from_byte_token, from_letters

_SPACE = "\u2581"  # how SentencePiece writes a blank
_PROBE = 'a {"b": [1, -2.5]}\n\t\u00e9 \u65e5 \U0001f600 end'


def vocabulary_bytes(tokenizer: PreTrainedTokenizerBase, rows: int) -> list[bytes] | None:
    """The bytes of the ids 0 up to `rows`, by id.

    Ids without a token and control tokens, which are no text, have none (b""). Returns None where
    the tokenizer writes its tokens in neither of the two known ways, byte by byte as GPT-2 does or
    as SentencePiece does, or where the bytes of a probe's tokens are not the probe.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if not isinstance(backend, Tokenizer):
        return None
    state = cast("dict[str, object]", json.loads(backend.to_str()))
    kinds = _kinds(state.get("decoder"))
    by_bytes = "ByteLevel" in kinds
    if not by_bytes and not kinds & {"ByteFallback", "Metaspace"}:
        return None
    added = {id_: str(token) for id_, token in tokenizer.added_tokens_decoder.items()}
    control = control_tokens(tokenizer)
    known = [b""] * rows
    for token, id_ in tokenizer.get_vocab().items():
        if id_ >= rows or id_ in control:
            continue
        if id_ in added:
            known[id_] = added[id_].encode()
        else:
            known[id_] = _of_letters(token) if by_bytes else _of_piece(token)
    return known if _writes(tokenizer, known) else None


def _kinds(decoder: object) -> set[object]:
    if not isinstance(decoder, dict):
        return set()
    decoder = cast("dict[str, object]", decoder)
    parts = cast("list[dict[str, object]]", decoder.get("decoders", []))
    return {decoder.get("type"), *(part.get("type") for part in parts)}


def _of_letters(token: str) -> bytes:
    written = from_letters(token)
    return token.encode() if written is None else written


def _of_piece(token: str) -> bytes:
    written = from_byte_token(token)
    return token.replace(_SPACE, " ").encode() if written is None else written


def _writes(tokenizer: PreTrainedTokenizerBase, known: list[bytes]) -> bool:
    ids = cast("list[int]", tokenizer(_PROBE, add_special_tokens=False)["input_ids"])
    text = b"".join(known[id_] if id_ < len(known) else b"" for id_ in ids)
    return text.removeprefix(b" ") == _PROBE.encode()
