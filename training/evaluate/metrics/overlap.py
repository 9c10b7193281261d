"""Text copied from the training side: the longest run of words that an answer shares with it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from training.evaluate.metrics.words import ngrams, words

SHORTEST = 3
COPIED = 8


def longest_overlaps(answers: Sequence[str], training: Iterable[str]) -> list[int]:
    """For each answer the number of words in its longest run that is in a training text, too.

    Runs of fewer than three words count as 0. The training texts are read once and not kept.
    """
    said = [words(answer) for answer in answers]
    starts: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    for place, tokens in enumerate(said):
        for at, run in enumerate(ngrams(tokens, SHORTEST)):
            starts[run].append((place, at))
    longest = [0] * len(said)
    for text in training:
        tokens = words(text)
        for begin, run in enumerate(ngrams(tokens, SHORTEST)):
            for place, at in starts.get(run, ()):
                if begin and at and tokens[begin - 1] == said[place][at - 1]:
                    continue  # inside a run that was measured from its beginning
                length = _common(tokens, begin, said[place], at)
                longest[place] = max(longest[place], length)
    return longest


def _common(first: list[str], at: int, second: list[str], start: int) -> int:
    """How many words are the same from these two places on."""
    length = 0
    for one, other in zip(first[at:], second[start:], strict=False):
        if one != other:
            break
        length += 1
    return length
