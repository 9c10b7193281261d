"""How varied a set of answers is, and how much an answer repeats itself."""

from collections.abc import Sequence
from random import Random

from sacrebleu.metrics.bleu import BLEU

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


def self_bleu(answers: Sequence[str], seed: int) -> list[float]:
    """Each answer's BLEU, 0 to 100, against the other answers (Texygen, arXiv:1802.01886).

    High means that all answers sound alike. The figure rises with the number of other answers, so
    it is taken against at most 100 of them, which the seed chooses.
    """
    scorer = BLEU(effective_order=True)
    places = range(len(answers))
    kept = sorted(Random(seed).sample(places, min(_OTHERS, len(answers))))  # noqa: S311 - no secret
    scores: list[float] = []
    for place, answer in enumerate(answers):
        others = [answers[other] for other in kept if other != place]
        scores.append(scorer.sentence_score(answer, others).score if others else 0.0)
    return scores
