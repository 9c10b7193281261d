"""Lists of words whose rows are not wanted."""

import re
import unicodedata
from pathlib import Path

from training.errors import PreparationError


class WordList:
    """Finds whole words, or phrases, of a list, in whatever case."""

    def __init__(self, words: frozenset[str]) -> None:
        self.words = frozenset(_flat(word) for word in words)
        # Longest first, so that a phrase is found before its first word.
        ordered = sorted(self.words, key=lambda word: (-len(word), word))
        listed = "|".join(map(re.escape, ordered))
        self._pattern = re.compile(rf"(?<!\w)(?:{listed})(?!\w)") if ordered else None

    def __bool__(self) -> bool:
        return bool(self.words)

    def finds(self, text: str) -> str | None:
        """The first listed word of the text, None where there is none."""
        found = self._pattern.search(_flat(text)) if self._pattern else None
        return found[0] if found else None


def read_word_list(path: Path) -> WordList:
    """One word or phrase a line, lines that begin with # left out; PreparationError if none."""
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
