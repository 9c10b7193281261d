"""Which tokens' scores belong to which text of an answer."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from model.engine.api import TokenScores
from model.protocol.logprobs import (
    ChoiceLogprobs,
    CompletionLogprobs,
    TokenLogprob,
    TopLogprob,
)

_SPACE = b" "


@dataclass(frozen=True, slots=True)
class ScoredPiece:
    """A token of an answer: the character where it begins, its bytes, and its scores."""

    begin: int
    raw: bytes
    logprob: float
    top: tuple[tuple[bytes, float], ...]


class ScoredText:
    """The scored tokens of one answer, each handed out with the first text of it that is shown.

    Tokens without a whole character of their own go with the character that they are part of.
    Those of which no text is shown, because a stop string cuts it off, are never handed out.
    """

    def __init__(self, token_bytes: Callable[[int], bytes]) -> None:
        self._bytes = token_bytes
        self._pending: deque[ScoredPiece] = deque()
        self._ready: list[ScoredPiece] = []
        self._decoded = 0  # characters of all tokens so far
        self._shown = 0  # characters that are shown

    @property
    def is_ready(self) -> bool:
        """Whether tokens wait to be taken."""
        return bool(self._ready)

    def add(self, token_id: int, scores: TokenScores, text: str) -> None:
        """Add the next token, and the text that it completes."""
        raw = self._bytes(token_id)
        top = [(self._bytes(id_), logprob) for id_, logprob in scores.top]
        if self._decoded == 0 and raw == _SPACE + text.encode():
            # The tokenizer drops the space before the first word, whichever that is.
            raw = text.encode()
            top = [(other.removeprefix(_SPACE), logprob) for other, logprob in top]
        self._pending.append(ScoredPiece(self._decoded, raw, scores.logprob, tuple(top)))
        self._decoded += len(text)

    def show(self, count: int) -> None:
        """Note that `count` more characters are shown."""
        self._shown += count
        while self._pending and self._pending[0].begin < self._shown:
            self._ready.append(self._pending.popleft())

    def end(self) -> None:
        """Note that all text is shown, so that no token is left out."""
        self._ready += self._pending
        self._pending.clear()

    def take(self) -> tuple[ScoredPiece, ...]:
        """The tokens to hand out, once each."""
        taken = tuple(self._ready)
        self._ready.clear()
        return taken


def chat_logprobs(pieces: Sequence[ScoredPiece]) -> ChoiceLogprobs:
    """The tokens as a chat answer tells them."""
    content = [
        TokenLogprob(
            token=_text(piece.raw),
            logprob=piece.logprob,
            bytes=list(piece.raw),
            top_logprobs=[
                TopLogprob(token=_text(raw), logprob=logprob, bytes=list(raw))
                for raw, logprob in piece.top
            ],
        )
        for piece in pieces
    ]
    return ChoiceLogprobs(content=content)


def completion_logprobs(pieces: Sequence[ScoredPiece], offset: int) -> CompletionLogprobs:
    """The tokens as a text completion tells them; their text begins at character `offset`.

    The token that was chosen is among the likeliest ones even where it was not one of them.
    """
    return CompletionLogprobs(
        tokens=[_key(piece.raw) for piece in pieces],
        token_logprobs=[piece.logprob for piece in pieces],
        top_logprobs=[_by_key(piece) for piece in pieces],
        text_offset=[offset + piece.begin for piece in pieces],
    )


def _by_key(piece: ScoredPiece) -> dict[str, float]:
    found: dict[str, float] = {}
    for raw, logprob in (*piece.top, (piece.raw, piece.logprob)):
        found.setdefault(_key(raw), logprob)
    return found


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return "".join(f"\\x{byte:02x}" for byte in raw)


def _key(raw: bytes) -> str:
    text = _text(raw)
    return text if text.encode() == raw else f"bytes:{text}"
