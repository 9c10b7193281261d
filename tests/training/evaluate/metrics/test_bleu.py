"""BLEU is sacrebleu's, also when it is put together from rows."""

import numpy as np
import pytest
import sacrebleu

from training.evaluate.metrics.bleu import CorpusBleu, bleu_score, bleu_statistics
from training.evaluate.metrics.library import compute

SAID = [
    "the cat sat on the mat",
    "there is a cat on a mat, isn't there?",
    "no",
    "dogs are better than cats in every way",
    "",
]
WANTED = [
    "the cat is on the mat",
    "there is a cat on the mat",
    "no, never",
    "dogs are better than cats",
    "well",
]


def test_it_is_sacrebleus():
    theirs = sacrebleu.corpus_bleu(SAID, [WANTED]).score
    assert compute(CorpusBleu, SAID, WANTED) == {"bleu": pytest.approx(theirs)}


@pytest.mark.parametrize("rows", [[0], [1, 1, 3], [0, 4, 2], [2, 2], [4], [3, 0, 3, 1, 2]])
def test_any_draw_of_rows_is_sacrebleus(rows):
    statistics = bleu_statistics(SAID, WANTED)[rows].sum(axis=0, keepdims=True)
    said, wanted = [SAID[row] for row in rows], [WANTED[row] for row in rows]
    theirs = sacrebleu.corpus_bleu(said, [wanted]).score
    assert bleu_score(statistics)[0] == pytest.approx(theirs)


def test_a_small_case_by_hand():
    # 5 of 6 words, 3 of 5 pairs, 1 of 4 triples, no run of four of 3: smoothed to 1/2.
    (row,) = bleu_statistics(SAID[:1], WANTED[:1])
    assert row.tolist() == [5, 3, 1, 0, 6, 5, 4, 3, 6, 6]
    by_hand = 100 * (5 / 6 * 3 / 5 * 1 / 4 * (1 / 2) / 3) ** 0.25
    assert bleu_score(row[None])[0] == pytest.approx(by_hand)


def test_each_order_without_a_match_is_smoothed_further():
    said, wanted = "a b c d e", "a x b y c"
    by_hand = 100 * (3 / 5 * (1 / 2) / 4 * (1 / 4) / 3 * (1 / 8) / 2) ** 0.25
    assert bleu_score(bleu_statistics([said], [wanted]))[0] == pytest.approx(by_hand)
    assert sacrebleu.corpus_bleu([said], [[wanted]]).score == pytest.approx(by_hand)


def test_short_answers_are_punished():
    half = bleu_statistics(["one two three four"], ["one two three four five six seven eight"])
    assert bleu_score(half)[0] == pytest.approx(100 * np.exp(1 - 8 / 4))


def test_copies_have_100_and_strangers_0():
    texts = ["this is a long enough sentence"]
    assert compute(CorpusBleu, texts, texts)["bleu"] == pytest.approx(100)
    assert compute(CorpusBleu, ["zzz yyy xxx www"], texts)["bleu"] == 0
