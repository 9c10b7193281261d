"""ROUGE is rouge_score's, with precision, recall and F1."""

import pytest
from rouge_score.rouge_scorer import RougeScorer

from training.evaluate.metrics.library import compute
from training.evaluate.metrics.rouge import Rouge, rouge_rows

SAID = ["the cat sat on the mat", "a dog\nbarks at me", ""]
WANTED = ["the cat is on the mat", "barks at me\na big dog", "nothing"]


def test_a_small_case_by_hand():
    # 5 of 6 words are shared, 3 of 5 pairs; the longest common subsequence has 5 words.
    found = compute(Rouge, SAID[:1], WANTED[:1])
    for part in ("precision", "recall", "f1"):
        assert found[f"rouge1_{part}"] == pytest.approx(5 / 6)
        assert found[f"rouge2_{part}"] == pytest.approx(3 / 5)
        assert found[f"rougeL_{part}"] == pytest.approx(5 / 6)


def test_precision_and_recall_are_not_exchanged():
    found = compute(Rouge, ["soup is best eaten"], ["soup"])
    assert found["rouge1_precision"] == pytest.approx(1 / 4)
    assert found["rouge1_recall"] == pytest.approx(1)


def test_it_is_rouge_scores_mean():
    found = compute(Rouge, SAID, WANTED)
    assert len(found) == 12
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL", "rougeLsum"])
    rows = [scorer.score(wanted, said) for said, wanted in zip(SAID, WANTED, strict=True)]
    for kind in ("rouge1", "rouge2", "rougeL", "rougeLsum"):
        assert found[f"{kind}_f1"] == pytest.approx(sum(row[kind].fmeasure for row in rows) / 3)


def test_only_lsum_looks_at_lines():
    rows = rouge_rows(SAID, WANTED)
    assert rows["rougeL_f1"][0] == rows["rougeLsum_f1"][0]
    assert rows["rougeL_f1"][1] < rows["rougeLsum_f1"][1]
