"""Makes text that people and models wrote safe to store, to show and to send on."""

import unicodedata

from bot.errors import EmptyPrompt, PromptTooLong

_KEPT = "\n\t"
# C0 and C1 controls: terminal escapes and NUL live here. Format characters (joiners of emoji,
# marks of right-to-left scripts) are text and stay.
_CONTROLS = dict.fromkeys(
    code for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in _KEPT
)
NAME_CHARS = 32
# Also what looks like one: a name must not end where it does not. Marks that turn the direction of
# a line would reorder what is said after the name.
_COLONS = dict.fromkeys((*map(ord, ":\uff1a\ufe55\ua789\u2236"), *range(0x202A, 0x202F),
                         *range(0x2066, 0x206A)))  # fmt: skip
_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
_REPLACEMENT = "\ufffd"  # stands for a character that could not be read


def clean_text(text: str) -> str:
    """Remove control characters other than newline and tab; the result can be encoded as UTF-8.

    All line ends become newlines. The two halves of a surrogate pair are joined; a lone half
    becomes U+FFFD.
    """
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS)


def clean_prompt(text: str, max_chars: int) -> str:
    """Clean a prompt to what is stored and answered.

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
    """Clean a person's name for the model: one short visible line without colons, never empty."""
    words = " ".join(clean_text(name).translate(_COLONS).split())[:NAME_CHARS].strip()
    return words if any(_visible(character) for character in words) else "someone"


def _visible(character: str) -> bool:
    return character != _REPLACEMENT and unicodedata.category(character) not in _INVISIBLE
