"""Makes text that people and models wrote safe to store, to show and to send on."""

import unicodedata

import regex

from bot.errors import EmptyPrompt, PromptTooLong

_KEPT = "\n\t"
# C0 and C1 controls: terminal escapes and NUL live here. Format characters (joiners of emoji,
# marks of right-to-left scripts) are text and stay.
_CONTROLS = dict.fromkeys(
    code for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in _KEPT
)
_NAME_CHARS = 32
# Controls, blanks, marks without anything to stand on, and unassigned characters.
_INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Cs", "Zs", "Zl", "Zp", "Mn", "Me"})
_REPLACEMENT = "\ufffd"  # stands for a character that could not be read
# Letters and symbols by their category, and blank all the same: the empty Braille cell, the place
# holder of an embedded object, a notehead without ink. Unicode's own list (Hangul fillers,
# variation selectors, soft hyphens) is Default_Ignorable_Code_Point.
_BLANK_GLYPHS = frozenset("\u2800\ufffc\U0001d159")
_IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}")
# The opening of a code block with its language: neither is shown.
_FENCE = regex.compile(r"```(?:[\w+#.-]{0,20}\n)?")
_SIGNS = frozenset("*_~|`>#-")
_EMPTY_BLOCK = regex.compile(r"\s*(?:#{1,3}|[-*+]|-#|>{1,3})[ \t]+\s*")  # a heading of nothing


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
    if not is_visible(cleaned):
        raise EmptyPrompt
    return cleaned


def clean_name(name: str) -> str:
    """Clean a person's name for the model: one short line without colons, never empty."""
    words = " ".join(clean_text(name).split()).replace(":", "")
    return words[:_NAME_CHARS].strip() or "someone"


def is_visible(text: str) -> bool:
    """Whether any character of a text leaves ink: blanks, joiners, fillers and marks do not."""
    return any(_leaves_ink(character) for character in text)


def has_substance(text: str) -> bool:
    """Whether a text says anything to a reader, be it one sign.

    It says nothing where no character leaves ink, and where all that does is Markdown around
    nothing, such as `** **` or an empty code block.
    """
    if _EMPTY_BLOCK.fullmatch(text):
        return False
    ink = [one for one in _FENCE.sub("```", text) if _leaves_ink(one)]
    if len(ink) == 1:
        return ink[0] != ">"  # an answer to "which sign is minus?"; alone, this one is a quote's
    return not _SIGNS.issuperset(ink)


def _leaves_ink(character: str) -> bool:
    return (
        character != _REPLACEMENT
        and character not in _BLANK_GLYPHS
        and unicodedata.category(character) not in _INVISIBLE
        and _IGNORABLE.match(character) is None
    )
