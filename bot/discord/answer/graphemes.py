"""Where text can be cut without breaking what a reader sees as one character. Pure."""

import unicodedata

_ZERO_WIDTH_JOINER = "\u200d"
_ZERO_WIDTH_NON_JOINER = "\u200c"
_REGIONAL = range(0x1F1E6, 0x1F200)  # two make a flag
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_TAGS = range(0xE0020, 0xE0080)  # spell out the flags of regions
_JAMO_TAILS = range(0x1160, 0x1200)  # vowels and finals of a Hangul syllable in parts
_HIGH_SURROGATES = range(0xD800, 0xDC00)
_LOW_SURROGATES = range(0xDC00, 0xE000)


def units(text: str) -> int:
    """The length in UTF-16 units: never less than what Discord counts."""
    return len(text) + sum(character > "\uffff" for character in text)


def prefix_within(text: str, limit: int) -> int:
    """How many characters from the start fit into `limit` UTF-16 units."""
    used = 0
    for index, character in enumerate(text):
        used += 2 if character > "\uffff" else 1
        if used > limit:
            return index
    return len(text)


def is_boundary(text: str, at: int) -> bool:
    """Whether `text[:at]` and `text[at:]` both consist of whole characters.

    After the extended grapheme clusters of Unicode's annex 29, as far as emoji, flags, accents
    and Hangul go.
    """
    if at <= 0 or at >= len(text):
        return True
    before, after = text[at - 1], text[at]
    if before == _ZERO_WIDTH_JOINER or _extends(after) or (before, after) == ("\r", "\n"):
        return False
    if ord(before) in _HIGH_SURROGATES and ord(after) in _LOW_SURROGATES:
        return False
    return not (_is_regional(after) and _regionals_before(text, at) % 2)


def boundary_before(text: str, at: int) -> int:
    """The last boundary at or before `at`; `at` itself if there is none after the start."""
    cut = at
    while cut > 0 and not is_boundary(text, cut):
        cut -= 1
    return cut or at


def _extends(character: str) -> bool:
    code = ord(character)
    return (
        character in (_ZERO_WIDTH_JOINER, _ZERO_WIDTH_NON_JOINER)
        or unicodedata.category(character).startswith("M")  # accents, variation selectors, keycaps
        or code in _SKIN_TONES
        or code in _TAGS
        or code in _JAMO_TAILS
    )


def _is_regional(character: str) -> bool:
    return ord(character) in _REGIONAL


def _regionals_before(text: str, at: int) -> int:
    count = 0
    while at - count > 0 and _is_regional(text[at - count - 1]):
        count += 1
    return count
