"""Making text that people and models wrote safe to store, to show and to send on."""

import unicodedata

from bot.errors import EmptyPrompt, PromptTooLong

_KEPT = "\n\t"
# C0 and C1 controls: terminal escapes and NUL live here. Format characters (joiners of emoji,
# marks of right-to-left scripts) are text and stay.
_CONTROLS = dict.fromkeys(
    code for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in _KEPT
)
_NAME_CHARS = 32
_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
_REPLACEMENT = "\ufffd"  # stands for what could not be read


def clean_text(text: str) -> str:
    """`text` without control characters but newline and tab, and always encodable as UTF-8.

    Line ends become newlines; halves of a surrogate pair are joined, lone ones become U+FFFD.
    """
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS)


def clean_prompt(text: str, max_chars: int) -> str:
    """The prompt as it is stored and answered.

    Raises EmptyPrompt when nothing visible is left, PromptTooLong above `max_chars` characters.
    """
    if len(text) > max_chars:  # before any work on it: it may be huge
        stripped = text.strip()
        if len(stripped) > max_chars:
            raise PromptTooLong(len(stripped), max_chars)
    cleaned = clean_text(text).strip()
    if not any(_visible(character) for character in cleaned):
        raise EmptyPrompt
    return cleaned


def clean_name(name: str) -> str:
    """A person's name for the model: one line, short, never empty."""
    words = " ".join(clean_text(name).split()).replace(":", "")
    return words[:_NAME_CHARS].strip() or "someone"


def _visible(character: str) -> bool:
    return character != _REPLACEMENT and unicodedata.category(character) not in _INVISIBLE
