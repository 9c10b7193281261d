"""How varied a set of answers is, and how much an answer repeats itself."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from sacrebleu.metrics.bleu import BLEU, MAX_NGRAM_ORDER

from training.evaluate.metrics.bleu import tokenized
from training.evaluate.metrics.words import ngrams, words

_LOOP = 4
_OTHERS = 100


def distinct(answers: Sequence[str], n: int, budget: int) -> float:
    """Different n-grams over all n-grams (J. Li et al., arXiv:1510.03055), 0 to 1; 0 without any.

    Longer texts repeat more words, so only the first `budget` words of all answers together count.
    Compare only figures with the same budget.
    """
    left, found = budget, list[tuple[str, ...]]()
    for answer in answers:
        kept = words(answer)[:left]
        left -= len(kept)
        found += ngrams(kept, n)
    return len(set(found)) / len(found) if found else 0.0


def repeated(answer: str, n: int = _LOOP) -> float:
    """The share of n-grams that the answer had before, 0 to 1 (seq-rep-n, arXiv:1908.04319)."""
    found = ngrams(words(answer), n)
    return 1 - len(set(found)) / len(found) if found else 0.0


def self_bleu(answers: Sequence[str], seed: int, tokenizer: str = "13a") -> list[float]:
    """Each answer's BLEU, 0 to 100, against the other answers (Texygen, arXiv:1802.01886).

    High means that all answers sound alike. The figure rises with the number of other answers, so
    it is taken against at most 100 of them, which the seed chooses. The values are sacrebleu's
    sentence BLEU with these references; `tokenizer` names sacrebleu's tokenizer.
    """
    counted = [_count(text) for text in tokenized(answers, tokenizer)]
    places = range(len(answers))
    kept = Random(seed).sample(places, min(_OTHERS, len(answers)))  # noqa: S311 - no secret
    most = _most_often([(place, counted[place].ngrams) for place in kept])
    lengths = {place: counted[place].length for place in kept}
    scores: list[float] = []
    for place, own in enumerate(counted):
        others = [length for other, length in lengths.items() if other != place]
        scores.append(_score(place, own, most, others) if others else 0.0)
    return scores


@dataclass(frozen=True, slots=True)
class _Counted:
    """The n-grams of an answer with their counts, and its length in tokens."""

    ngrams: Counter[tuple[str, ...]]
    length: int


def _count(tokens: list[str]) -> _Counted:
    found = Counter(gram for n in range(1, MAX_NGRAM_ORDER + 1) for gram in ngrams(tokens, n))
    return _Counted(found, len(tokens))


# The place of the answer that has an n-gram most often, how often, and how often any other has it.
_Most = dict[tuple[str, ...], tuple[int, int, int]]


def _most_often(kept: Sequence[tuple[int, Counter[tuple[str, ...]]]]) -> _Most:
    most: _Most = {}
    for place, counts in kept:
        for gram, count in counts.items():
            owner, first, second = most.get(gram, (-1, 0, 0))
            if count > first:
                most[gram] = (place, count, first)
            elif count > second:
                most[gram] = (owner, first, count)
    return most


def _score(place: int, own: _Counted, most: _Most, others: Sequence[int]) -> float:
    correct, total = [0] * MAX_NGRAM_ORDER, [0] * MAX_NGRAM_ORDER
    for gram, count in own.ngrams.items():
        owner, first, second = most.get(gram, (-1, 0, 0))
        correct[len(gram) - 1] += min(count, second if owner == place else first)
        total[len(gram) - 1] += count
    nearest = min(others, key=lambda length: (abs(length - own.length), length))
    score = BLEU.compute_bleu(
        correct, total, own.length, nearest, smooth_method="exp", effective_order=True
    )
    return score.score
