"""Makes text of the pieces in which a worker sends an answer, and keeps its thoughts out of it."""

from dataclasses import dataclass

import regex

from bot.text import clean_text

# How reasoning models mark what they think before they answer; servers that know a model better
# send its thoughts in a field of their own instead.
_NAMES = r"think|thinking|thought|thoughts|reasoning|reflection|seed:think"
_OPENING = regex.compile(
    rf"\s*(?:<(?P<name>{_NAMES})>|(?P<mistral>\[THINK\])|(?P<kimi>◁think▷))", regex.IGNORECASE
)
_CLOSING = regex.compile(rf"</(?:{_NAMES})>|\[/THINK\]|◁/think▷", regex.IGNORECASE)
_LONGEST_MARK = 16
_CODE, _QUOTES = "`", ('"', "'", "“", "‘")
_GOES_ON = regex.compile(r" [a-zß-ÿ,.;]")  # a sentence that has the mark in its middle
_LOOKAHEAD = 2


@dataclass(frozen=True, slots=True)
class TextPiece:
    """What a piece of the stream adds.

    `text` is more of the answer. `thinks` says that the model thought. `retracted` says that all
    text so far was thought, too: its end came without a beginning.
    """

    text: str = ""
    thinks: bool = False
    retracted: bool = False


class PieceJoiner:
    """Cleans the pieces of a stream, with line ends of two characters that it cuts apart.

    Halves of characters the worker's client has joined already.
    """

    def __init__(self) -> None:
        self._held = ""

    def take(self, piece: str) -> str:
        """The clean text that this piece completes."""
        piece = self._held + piece
        self._held = ""
        if piece.endswith("\r"):
            piece, self._held = piece[:-1], piece[-1]
        return clean_text(piece)

    def end(self) -> str:
        """What was held for a second half that never came."""
        held, self._held = self._held, ""
        return clean_text(held)


class StreamText:
    """One answer's stream: raw pieces go in, text without thoughts comes out.

    Thoughts count as such at the beginning of an answer only; what an answer says about
    `<think>` later on is text. `presumed` says that this model's chat template opens the thoughts
    itself, so that the answer begins inside them.
    """

    def __init__(self, *, presumed: bool = False) -> None:
        self._joiner = PieceJoiner()
        self._held = ""  # not yet known to be text or a mark
        self._inside = presumed
        self._presumed = presumed
        self._begun = False  # text that is no blank has come
        self._closed_unopened = False
        self._may_retract = not presumed  # no thoughts came; unopened ones may still end
        self._text = ""  # as long as that is so

    @property
    def closed_unopened(self) -> bool:
        """Whether thoughts ended that this stream never opened: the chat template does that."""
        return self._closed_unopened

    def take(self, piece: str) -> TextPiece:
        """What a raw piece adds; some of it may be held until more has come."""
        return self._advance(self._joiner.take(piece), last=False)

    def end(self) -> TextPiece:
        """What was held, at the end of the stream."""
        return self._advance(self._joiner.end(), last=True)

    def _advance(self, more: str, *, last: bool) -> TextPiece:
        self._held += more
        text, thinks, retracted = "", False, False
        while True:
            if self._presumed and self._opens():
                self._presumed = False  # it opens its thoughts itself after all
            if self._inside:
                thinks = thinks or bool(self._held.strip())
                if not self._skip_thoughts(last=last):
                    break
            elif not self._begun and self._opens():
                self._inside, thinks, self._may_retract = True, True, False
            elif not self._begun and not last and self._may_open():
                break
            else:
                ready = self._ready(last=last)
                closing = self._closing_in(ready)
                if closing is None:
                    text += self._said(ready)
                    break
                self._held = self._held[closing:]
                text, thinks, retracted = "", True, True
                self._close()
        return TextPiece(text, thinks, retracted)

    def _skip_thoughts(self, *, last: bool) -> bool:
        """Drop thoughts; whether they ended, so that text or another thought may follow."""
        found = _CLOSING.search(self._held)
        if found is not None:
            self._held = self._held[found.end() :]
            self._close()
            return True
        if last and self._presumed:  # it did not think this time
            self._inside = self._presumed = False
            return True
        if not self._presumed:
            self._held = "" if last else self._held[-_LONGEST_MARK:]
        return False

    def _close(self) -> None:
        self._closed_unopened |= self._presumed or self._may_retract
        self._inside = self._begun = self._presumed = self._may_retract = False
        self._text = ""

    def _opens(self) -> bool:
        found = _OPENING.match(self._held)
        if found is None:
            return False
        self._held = self._held[found.end() :]
        return True

    def _may_open(self) -> bool:
        """Whether what is held may still become the beginning of thoughts."""
        return _OPENING.fullmatch(self._held, partial=True) is not None

    def _ready(self, *, last: bool) -> str:
        """What of the held text can be given away: all that cannot be part of a mark."""
        if last or not self._may_retract:
            return self._held
        for found in _CLOSING.finditer(self._held, partial=True):
            if found.partial or found.end() + _LOOKAHEAD > len(self._held):
                return self._held[: found.start()]
        return self._held

    def _closing_in(self, ready: str) -> int | None:
        """Where unopened thoughts end in the text that is ready; None where they do not.

        In code, in quotes and in the middle of a sentence the mark is what the answer is about.
        """
        if not self._may_retract:
            return None
        for found in _CLOSING.finditer(ready):
            before = self._text + ready[: found.start()]
            in_sentence = before.endswith(" ") and _GOES_ON.match(ready, found.end())
            if before.count(_CODE) % 2 == 0 and not before.endswith(_QUOTES) and not in_sentence:
                return found.end()
        return None

    def _said(self, ready: str) -> str:
        self._held = self._held[len(ready) :]
        if not self._begun:
            # Blanks after thoughts do not belong to the answer.
            ready = ready if self._may_retract else ready.lstrip()
            self._begun = bool(ready.strip())
        if self._may_retract:
            self._text += ready
        return ready
