"""From a file's bytes to its text, whatever it was written with. Pure."""

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

from charset_normalizer import from_bytes

_MARKS = (  # the longer ones first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_OTHERS = (b"%PDF-", b"PK\x03\x04", b"GIF87a", b"GIF89a", b"\x89PNG", b"\xff\xd8\xff", b"\x7fELF",
           b"\x1f\x8b", b"RIFF", b"OggS", b"ID3", b"SQLite format 3")  # fmt: skip
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # colours in logs
_WESTERN = frozenset(
    "äöüßÄÖÜéèêëáàâãåçíìîïñóòôõøœæúùûÿÉÈÊËÁÀÂÃÅÇÍÌÎÏÑÓÒÔÕØŒÆÚÙÛšžŠŽ"
    "“”„‘’‚–—…«»‹›•·€£¥§©®™°ª¿¡±×½¼¾²³µ´¨ˆ˜¶†‡‰\u00a0"
)
_ONE_ALPHABET = 0.8
_EAST = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC", "FULLWIDTH",
                   "HANGUL", "BOPOMOFO"})  # fmt: skip
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_STRANGE = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f-\x84\x86-\x9f\ufffd]")
_MOST_STRANGE = 0.005  # of all characters


def decoded(data: bytes, *, is_cut: bool = False) -> str | None:
    """The text that these bytes are, None where they are no text.

    A byte order mark decides, then what is valid UTF-8, then the look of UTF-32 and UTF-16 without
    a mark, then the older encodings. `is_cut`: the bytes end anywhere, perhaps within a character.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _checked(_strict(data[len(mark) :], name, is_cut) or _loose(data, mark, name))
    if data.startswith(_OTHERS):
        return None
    for text in _unmarked(data, is_cut):
        if (checked := _checked(text)) is not None:
            return checked
    return None


def _unmarked(data: bytes, is_cut: bool) -> Iterator[str]:
    """Readings of bytes without a mark, the likeliest first."""
    if 0 in data:  # in no text of one byte a character
        yield from _wide(data, is_cut)
        return
    text = _strict(data, "utf-8", is_cut)
    text = _nearly_utf8(data) if text is None else text
    if text is not None:
        yield text
    yield from _older(data)
    yield from _wide(data, is_cut)


def _nearly_utf8(data: bytes) -> str | None:
    """UTF-8 in which a few characters are broken, as where a log was cut."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    whole = sum(1 for _ in _BEYOND_ASCII.finditer(text)) - broken
    return text if whole > 4 * broken else None


def _wide(data: bytes, is_cut: bool) -> Iterator[str]:
    """UTF-32 and UTF-16 without a mark, in the order of their bytes that gives one alphabet."""
    for names in (("utf-32-le", "utf-32-be"), ("utf-16-le", "utf-16-be")):
        readings = [_strict(data, name, is_cut) for name in names]
        best = max(((*_oneness(text), text) for text in readings if text), default=None)
        if best is not None and best[0] > _ONE_ALPHABET:
            yield best[-1]


def _oneness(text: str) -> tuple[float, int]:
    """The share of the characters that are ASCII or of the commonest alphabet; how many are ASCII.

    What no text has, such as a character without a name, makes the share 0.
    """
    alphabets: Counter[str] = Counter()
    for one in text:
        if one not in "\t\n\r" and unicodedata.category(one) in ("Cn", "Co", "Cc"):
            return 0.0, 0
        name = "ASCII" if one.isascii() else unicodedata.name(one, "?").partition(" ")[0]
        alphabets["EAST" if name in _EAST else name] += 1
    plain = alphabets.pop("ASCII", 0)
    return (plain + max(alphabets.values(), default=0)) / len(text), plain


def _older(data: bytes) -> Iterator[str]:
    """One byte a character, or the older encodings of East Asia."""
    western = data.decode("cp1252", "replace")
    if _looks_western(western):
        yield western
    if (best := from_bytes(data).best()) is not None:
        yield str(best)
    yield western


def _looks_western(text: str) -> bool:
    """Whether the letters beyond ASCII are those of Western Europe, and few.

    Statistics need more text than people attach, and this is what most old files are written in.
    """
    beyond = [one for one in text if not one.isascii()]
    letters = sum(one.isalpha() for one in text)
    odd = sum(one not in _WESTERN for one in beyond) + len(
        re.findall(r"\w[¿¡»«¹³²¼½¾ªº§°]\w", text)
    )
    return not odd and sum(one.isalpha() for one in beyond) <= 0.35 * letters


def _strict(data: bytes, name: str, is_cut: bool) -> str | None:
    decoder = codecs.getincrementaldecoder(name)()
    try:
        return decoder.decode(data, not is_cut)
    except UnicodeDecodeError:
        return None


def _loose(data: bytes, mark: bytes, name: str) -> str:
    return data[len(mark) :].decode(name, "replace")


def _checked(text: str) -> str | None:
    """The text without terminal colours; None where control characters show that it is none."""
    plain = _ESCAPES.sub("", text)
    strange = sum(1 for _ in _STRANGE.finditer(plain))
    return plain if strange <= _MOST_STRANGE * len(plain) else None
