"""Words, shares, variety, overlap: small cases that one can count by hand."""

from random import Random

import pytest
from sacrebleu.metrics.bleu import BLEU

from data.statistics.shares import wilson
from training.evaluate.metrics.catalogue import BY_KEY
from training.evaluate.metrics.diversity import distinct, repeated, self_bleu
from training.evaluate.metrics.overlap import longest_overlaps
from training.evaluate.metrics.words import ngrams, words


def test_words():
    assert words("Don’t stop, “Mr.” O'Neil -- it's 9:30!") == [
        "don't", "stop", "mr", "o'neil", "it's", "9", "30",
    ]  # fmt: skip
    assert words("…") == []
    assert ngrams(["a", "b", "c"], 2) == [("a", "b"), ("b", "c")]
    assert ngrams(["a"], 2) == []


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (1, 20, 0.0089, 0.2361), (81, 263, 0.2553, 0.3662), (5, 5, 0.5655, 1)],
)
def test_wilsons_intervals_are_the_published_ones(count, total, low, high):
    # Newcombe 1998, Statistics in Medicine 17, table I: 81/263, 1/29 and their like.
    assert wilson(count, total) == pytest.approx((low, high), abs=1e-4)


def test_wilson_of_nothing_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="3 of 2"):
        wilson(3, 2)


def test_distinct_counts_different_words_over_all():
    answers = ["soup is good", "soup is bad"]
    assert distinct(answers, 1, 100) == pytest.approx(4 / 6)
    assert distinct(answers, 2, 100) == pytest.approx(3 / 4)  # no pair across answers
    assert distinct(["a", "b"], 2, 100) == 0


def test_distinct_looks_at_the_first_words_only():
    assert distinct(["a b", "a a a a"], 1, 3) == pytest.approx(2 / 3)


def test_repetition_is_the_share_of_4_grams_seen_before():
    assert repeated("one two three four five") == 0
    # five 4-grams, of which the first comes again
    assert repeated("a b c d a b c d") == pytest.approx(1 / 5)
    assert repeated("no no no no no no no") == pytest.approx(3 / 4)
    assert repeated("too short") == 0


def test_self_bleu_is_100_for_an_echo_and_low_for_strangers():
    alike = self_bleu(["it is a big party with a bad boss"] * 3, seed=0)
    assert alike == [pytest.approx(100)] * 3
    strangers = self_bleu(["soup over salad any day", "my neighbour plays drums at night"], seed=0)
    assert max(strangers) < 5
    assert self_bleu(["alone"], seed=0) == [0.0]


@pytest.mark.parametrize("count", [5, 130])
def test_self_bleu_is_sacrebleus_sentence_bleu_against_the_others(count):
    words_ = [
        "soup",
        "salad",
        "is",
        "was",
        "not",
        "better",
        "than",
        "a",
        "the",
        "cold,",
        "day!",
        "don't",
        "eat",
    ]
    random = Random(1)
    texts = [" ".join(random.choices(words_, k=random.randint(0, 9))) for _ in range(count)]
    kept = Random(3).sample(range(count), min(100, count))
    scorer = BLEU(effective_order=True)
    theirs = [
        scorer.sentence_score(text, [texts[other] for other in kept if other != place]).score
        for place, text in enumerate(texts)
    ]
    assert self_bleu(texts, seed=3) == theirs


def test_the_longest_overlap_is_found_in_whatever_case():
    training = ["Nothing here at all.", "He said: the cat sat on the mat, twice.", "the cat"]
    answers = ["I think the CAT sat on, the mat too", "the cat", "a dog sat on the mat", ""]
    assert longest_overlaps(answers, training) == [6, 0, 4, 0]


def test_an_overlap_may_lie_anywhere_and_twice():
    assert longest_overlaps(["a b c x a b c d"], ["z a b c d"]) == [4]
    assert longest_overlaps(["a b c d"], ["a b c d", "a b c"]) == [4]
    assert longest_overlaps(["a b c d"], ["a b c d"]) == [4]
    assert longest_overlaps(["b c d e a b c"], ["a b c d e"]) == [4]
    assert longest_overlaps(["no no no no"], ["no no no"]) == [3]


def test_values_are_shown_with_their_unit():
    share, words_ = BY_KEY["disclaimer"], BY_KEY["words"]
    assert share.show(0.256) == "26 %"
    assert share.show_difference(-0.256) == "−26 points"
    assert words_.show_difference(3.21) == "+3.2"
