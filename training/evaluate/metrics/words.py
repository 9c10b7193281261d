"""Words and n-grams of any language, as the measures count them."""

import re
import unicodedata
from collections.abc import Iterable

import regex

# Scripts that put no space between words: one character, with its marks, counts as a word.
_KANA = r"\p{Hiragana}\p{Katakana}\u30fc\uff70"
_UNSPACED = rf"\p{{Han}}{_KANA}\p{{Thai}}\p{{Lao}}\p{{Khmer}}\p{{Myanmar}}\p{{Tibetan}}"
_CHARACTER = rf"[[{_UNSPACED}]&&\p{{L}}]\p{{M}}*"
_SPACED = rf"[[\p{{L}}\p{{Nd}}]--[[{_UNSPACED}]&&\p{{L}}]]"
_LETTERS = rf"(?:{_SPACED}\p{{M}}*)+"  # begins with no mark: those of emoji stand alone
_JOINER = r"[\u200c\u200d]"  # within words of Persian and of India
_RUN = rf"{_LETTERS}(?:{_JOINER}{_LETTERS})*"
_WORD = regex.compile(rf"(?V1){_CHARACTER}|(?:_|{_RUN})+(?:['’](?:_|{_RUN})+)*")
_ASCII_WORD = re.compile(r"\w+(?:'\w+)*")
_ROUGE_WORD = regex.compile(rf"(?V1){_CHARACTER}|{_RUN}")
_UNSPACED_LETTER = regex.compile(rf"(?V1)[[{_UNSPACED}]&&\p{{L}}]")
_HAN = regex.compile(r"\p{Han}")
_LETTER = regex.compile(r"\p{L}")
_UNSPACED_SHARE = 0.2
_OTHER_SHARE = 0.05


def words(text: str) -> list[str]:
    """The words of a text in lower case: runs of letters and digits, an apostrophe within kept.

    Marks belong to their letter (Hindi, Arabic). In Chinese, Japanese, Thai and other scripts
    without spaces each character is a word.
    """
    if text.isascii():  # the same, four times as fast
        return _ASCII_WORD.findall(text.lower())
    found = _WORD.findall(unicodedata.normalize("NFC", text).casefold())
    return [word.replace("’", "'") for word in found]


class RougeWords:
    """The tokenizer for rouge_score: its own tokens in English, whole words in other languages.

    rouge_score's own takes everything but a to z and digits for a space. This one keeps letters
    and digits of every script with their marks; of a script without spaces each character.
    """

    def tokenize(self, text: str) -> list[str]:
        """The tokens of a text, in lower case; rouge_score calls this."""
        return _ROUGE_WORD.findall(unicodedata.normalize("NFC", text).lower())


def bleu_tokenizer(references: Iterable[str]) -> str:
    """The name of sacrebleu's tokenizer for texts in the language of these references.

    "zh" for Chinese, "char" for Japanese, Thai and other scripts without spaces, else sacrebleu's
    default "13a". A language counts from a fifth of all letters on; Japanese is told from Chinese
    by its kana.
    """
    letters = unspaced = han = 0
    for text in references:
        letters += len(_LETTER.findall(text))
        unspaced += len(_UNSPACED_LETTER.findall(text))
        han += len(_HAN.findall(text))
    if unspaced < _UNSPACED_SHARE * letters or not unspaced:
        return "13a"
    return "char" if unspaced - han > _OTHER_SHARE * unspaced else "zh"


def ngrams(tokens: list[str], n: int) -> list[tuple[str, ...]]:
    """Every run of `n` neighbouring words, in order; none if there are fewer words."""
    return [tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)]
