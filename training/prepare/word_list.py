"""A list of words: which texts use one of them."""

import re
import unicodedata
from pathlib import Path

from training.errors import PreparationError


class WordList:
    """Finds the words and phrases of a list in a text.

    Only whole words count, in upper or lower case. An empty list finds nothing and is false.
    """

    def __init__(self, words: frozenset[str]) -> None:
        self.words = frozenset(_flat(word) for word in words)
        # Longest first, so that a phrase is found before its first word.
        ordered = sorted(self.words, key=lambda word: (-len(word), word))
        listed = "|".join(map(re.escape, ordered))
        self._pattern = re.compile(rf"(?<!\w)(?:{listed})(?!\w)") if ordered else None

    def __bool__(self) -> bool:
        return bool(self.words)

    def finds(self, text: str) -> str | None:
        """The first listed word or phrase in the text, in lower case; None if there is none."""
        found = self._pattern.search(_flat(text)) if self._pattern else None
        return found[0] if found else None


def read_word_list(path: Path) -> WordList:
    """The list in a UTF-8 file: a word or phrase on each line.

    Lines that begin with # are comments. Raises PreparationError if the file cannot be read or
    has no word.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PreparationError(f"--word-list {path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise PreparationError(
            f"--word-list {path} is not UTF-8 (byte {error.start}): save it as UTF-8"
        ) from error
    words = frozenset(
        line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")
    )
    if not words:
        raise PreparationError(f"--word-list {path} has no word: write one a line")
    return WordList(words)


def _flat(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
