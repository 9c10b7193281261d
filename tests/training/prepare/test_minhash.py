"""Signatures find near texts, hardly any others, and always the same."""

import tempfile

import pytest

from tests.bench.sentences import conversations
from training.prepare.minhash import Plan, Signatures, plan
from training.prepare.shingles import near_pairs, normalise, shingles

TEXTS = sorted({normalise(text) for pair in conversations(250, 3) for text in pair})
NEAR = [f"{text} indeed so" for text in TEXTS[:150]]


def candidates(texts, threshold):
    with tempfile.TemporaryFile() as bands, tempfile.TemporaryFile() as sketches:
        signatures = Signatures(bands, sketches, plan(threshold))
        signatures.write(texts)
        return set(signatures.candidates(threshold))


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.6, 0.9, 1.0])
def test_the_longest_bands_that_find_99_of_100_are_taken(threshold):
    cut = plan(threshold)
    assert cut.bands * cut.rows <= 320
    assert cut.recall(threshold) >= 0.99
    longer = Plan(320 // (cut.rows + 1), cut.rows + 1)
    assert longer.bands == 0 or longer.recall(threshold) < 0.99


@pytest.mark.parametrize("threshold", [0.6, 0.8])
def test_near_texts_are_candidates_and_few_others(threshold):
    texts = TEXTS + NEAR
    exact = set(near_pairs([shingles(text) for text in texts], threshold))
    found = candidates(texts, threshold)
    assert len(exact) > 100
    assert len(exact & found) >= 0.99 * len(exact)
    assert len(found) < 20 * len(exact)
    assert found == candidates(texts, threshold)


def test_texts_that_are_shorter_than_a_shingle_have_signatures():
    assert candidates(["a", "b", "ab"], 0.6) == set()
    assert candidates(["a", "b", "a"], 0.6) == {(0, 2)}


def test_no_texts_have_no_candidates():
    assert candidates([], 0.6) == set()
