"""Token ids back to text while they come in, never splitting a character."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_UNFINISHED = "\ufffd"
_LONGEST_WINDOW = 32  # tokens; reached only where so many in a row give no whole character
_KEPT = 12  # tokens that stay then: more than the last character and what is before it can have
_MOST_PENDING = 3  # U+FFFD that may still become a character: it has up to 4 bytes, one is missing


def special_tokens(tokenizer: "PreTrainedTokenizerBase") -> dict[str, int]:
    """The ids of the tokens that are never shown, by how they are written."""
    added = tokenizer.added_tokens_decoder.items()
    return {str(token): id_ for id_, token in added if token.special}


class IncrementalDetokenizer:
    """The text of one row.

    A token alone cannot be decoded: it may hold part of a character, and many tokenizers drop the
    space before the first word of a text. So the tokens since the last but one boundary are decoded
    together (the window), and what this text has more than before is new. The pieces together are
    what decoding all ids at once gives.

    Bytes that are no UTF-8 become U+FFFD, and so does an unfinished character until it is finished.
    The window has a largest size, so a long run of such bytes takes linear time and is shown while
    it comes. `silent` are the ids of the special tokens, which are never shown. `after` are the
    ids of a text that the row goes on with, so that its first word keeps the space before it.
    """

    def __init__(
        self,
        tokenizer: "PreTrainedTokenizerBase",
        silent: Collection[int],
        after: Sequence[int] = (),
    ) -> None:
        self._tokenizer = tokenizer
        self._silent = silent
        self._window = [id_ for id_ in after if id_ not in self._silent][-_KEPT:]
        self._new = 0  # how many tokens at the window's end came after the last boundary
        # How many characters of the window's text were returned before.
        self._shown = len(self._decode(self._window)) if self._window else 0

    def add(self, token_id: int) -> str:
        """The text that this token completes; "" while a character is unfinished."""
        if token_id in self._silent:  # as context it would look like the beginning of a text
            return ""
        self._window.append(token_id)
        self._new += 1
        text = self._decode(self._window)
        if not text.endswith(_UNFINISHED):
            return self._hand_out(text, keep=self._new, pending=0)
        if len(self._window) < _LONGEST_WINDOW:
            return ""
        pending = min(len(text) - len(text.rstrip(_UNFINISHED)), _MOST_PENDING)
        return self._hand_out(text, keep=_KEPT, pending=pending)

    def flush(self) -> str:
        """The text that is still held, at the end of the row; an unfinished character is U+FFFD."""
        return self._hand_out(self._decode(self._window), keep=0, pending=0)

    def _hand_out(self, text: str, *, keep: int, pending: int) -> str:
        """What is new in the window's text but for the last `pending` characters; shrink it."""
        new = text[self._shown : len(text) - pending]
        self._window = self._window[-keep:] if keep else []
        self._shown = len(self._decode(self._window)) - pending
        self._new = 0
        return new

    def _decode(self, ids: list[int]) -> str:
        text = self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return cast("str", text)
