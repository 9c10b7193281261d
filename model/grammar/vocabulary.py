"""A vocabulary as llguidance reads it: the bytes of each token."""

from collections.abc import Sequence


class ByteVocabulary:
    """The tokens' bytes, and texts encoded by the longest token that fits.

    The library asks for ids where a grammar leaves one text only (a property's name): whatever
    split comes back, its bytes are that text. `end` is one of the ids that end an answer; all of
    them are told to the library on their own.
    """

    bos_token_id = None

    def __init__(self, tokens: Sequence[bytes], end: int) -> None:
        self.eos_token_id = end
        self.tokens = list(tokens)
        self.special_token_ids = [id_ for id_, token in enumerate(tokens) if not token]
        self._ids: dict[bytes, int] = {}
        for id_, token in enumerate(tokens):
            if token:
                self._ids.setdefault(token, id_)
        self._longest = max(map(len, self._ids), default=0)

    def __call__(self, text: str | bytes) -> list[int]:
        """The ids of a text; a byte that no token begins with ends them."""
        rest = text.encode() if isinstance(text, str) else text
        ids: list[int] = []
        while rest:
            sizes = range(min(self._longest, len(rest)), 0, -1)
            size = next((size for size in sizes if rest[:size] in self._ids), None)
            if size is None:
                break
            ids.append(self._ids[rest[:size]])
            rest = rest[size:]
        return ids
