"""A text cut into sentences and tokens, the same for training and use of the classifier."""

import re

START = "<s>"  # stands before every sentence
_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"'})
_SENTENCE = re.compile(r".+?(?:[.!?]+(?=\s|$)|$)")
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]|_")


def flat(text: str) -> str:
    """The text in lower case on one line, with straight quotes and single spaces."""
    return " ".join(text.translate(_STRAIGHT).casefold().split())


def sentences(text: str) -> list[list[str]]:
    """The tokens of each sentence: words (with their apostrophes), numbers and single signs."""
    found = (_TOKEN.findall(sentence) for sentence in _SENTENCE.findall(flat(text)))
    return [tokens for tokens in found if tokens]


def tokens(text: str) -> list[str]:
    """All tokens in their order, with START before each sentence."""
    return [token for sentence in sentences(text) for token in (START, *sentence)]
