"""Ids back to text while they come in, never splitting a character."""

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_UNFINISHED = "\ufffd"


class IncrementalDetokenizer:
    """The text of one row.

    A token alone cannot be decoded: it may hold part of a character, and many tokenizers drop the
    space before the first word of a text. So each token is decoded together with those before it,
    as far back as the last boundary, and what that text has more than before is new.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self._tokenizer = tokenizer
        added = tokenizer.added_tokens_decoder
        self._silent = frozenset(id_ for id_, token in added.items() if token.special)
        self._context: list[int] = []  # tokens already handed out, kept for what follows them
        self._held: list[int] = []  # tokens whose text is not complete yet

    def add(self, token_id: int) -> str:
        """The text this token completes; "" while a character is unfinished."""
        if token_id in self._silent:  # as context it would look like the beginning of a text
            return ""
        self._held.append(token_id)
        text = self._new_text()
        return "" if text.endswith(_UNFINISHED) else self._hand_out(text)

    def flush(self) -> str:
        """What is held back, an unfinished character as U+FFFD."""
        return self._hand_out(self._new_text()) if self._held else ""

    def _new_text(self) -> str:
        before = self._decode(self._context)
        return self._decode(self._context + self._held)[len(before) :]

    def _hand_out(self, text: str) -> str:
        self._context, self._held = self._held, []
        return text

    def _decode(self, ids: list[int]) -> str:
        text = self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return cast("str", text)
