"""Words and n-grams, as the measures count them."""

import re

_WORD = re.compile(r"\w+(?:['’]\w+)*")


def words(text: str) -> list[str]:
    """The words of a text in lower case: runs of letters and digits, an apostrophe within kept."""
    return [word.replace("’", "'") for word in _WORD.findall(text.casefold())]


def ngrams(tokens: list[str], n: int) -> list[tuple[str, ...]]:
    """Every run of `n` neighbouring words, in order; none if there are fewer words."""
    return [tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)]
