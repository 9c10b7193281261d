"""The bytes that each token stands for, also where they are no whole character."""

import re
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_NO_CHARACTER = "\ufffd"
_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")  # SentencePiece's, for bytes without a token


class TokenBytes:
    """What a token adds to a text, in UTF-8; several threads may ask at once.

    Added tokens, special ones too, are as they are written. The space before a word belongs to its
    token, whether or not the tokenizer drops it at the beginning of a text.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self._tokenizer = tokenizer
        self._added = {id_: str(token) for id_, token in tokenizer.added_tokens_decoder.items()}
        self._known: dict[int, bytes] = {}

    def __getitem__(self, token_id: int) -> bytes:
        """The bytes of a token; none of an id that the tokenizer lacks."""
        known = self._known.get(token_id)
        if known is None:
            known = self._known[token_id] = self._find(token_id)
        return known

    def _find(self, token_id: int) -> bytes:
        if token_id in self._added:
            return self._added[token_id].encode()
        token = cast("str | None", self._tokenizer.convert_ids_to_tokens(token_id))
        if token is None:
            return b""
        # After itself, because the first token of a text may lose its space.
        once, twice = self._decode([token_id]), self._decode([token_id, token_id])
        text = twice[len(once) :]
        if _NO_CHARACTER not in twice:
            return text.encode()
        return from_byte_token(token) or from_letters(token) or text.encode()

    def _decode(self, ids: list[int]) -> str:
        text = self._tokenizer.decode(
            ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return cast("str", text)


def from_byte_token(token: str) -> bytes | None:
    """The byte of a token that SentencePiece has for bytes without a text; None of another."""
    byte = _BYTE_TOKEN.fullmatch(token)
    return bytes.fromhex(byte[1]) if byte else None


def from_letters(token: str) -> bytes | None:
    """The bytes of a token that a byte-level tokenizer writes; None of one that it does not."""
    if all(character in _BYTE_OF for character in token):
        return bytes(_BYTE_OF[character] for character in token)
    return None


def _bytes_by_character() -> dict[str, int]:
    """The bytes that byte-level tokenizers write as single characters (GPT-2's encoder).

    Latin-1 characters that are seen on paper stand for their own codes, and the characters from
    U+0100 on for all other bytes in turn.
    """
    seen = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in seen]
    return {chr(byte): byte for byte in seen} | {
        chr(0x100 + place): byte for place, byte in enumerate(others)
    }


_BYTE_OF = _bytes_by_character()
