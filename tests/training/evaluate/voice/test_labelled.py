"""The labelled sentences: enough, balanced, and the classifier's accuracy on them."""

from collections import Counter

import pytest

from training.evaluate.voice.labelled import (
    Accuracy,
    Label,
    Part,
    Sentence,
    accuracy,
    read_sentences,
)


def test_there_are_enough_sentences_and_none_stands_twice():
    sentences = read_sentences()
    assert len(sentences) >= 200
    assert len({sentence.text for sentence in sentences}) == len(sentences)
    for part in Part:
        counts = Counter(sentence.label for sentence in sentences if sentence.part is part)
        assert counts[Label.DISCLAIMER] == counts[Label.POSITION] + counts[Label.NEITHER]


@pytest.mark.parametrize(
    ("label", "precision", "recall"), [(Label.DISCLAIMER, 0.9, 0.65), (Label.POSITION, 0.8, 0.75)]
)
def test_the_phrases_are_right_on_sentences_they_were_not_mended_on(label, precision, recall):
    found = accuracy(label, [one for one in read_sentences() if one.part is Part.CHECK])
    assert found.precision >= precision
    assert found.recall >= recall


def test_precision_and_recall_are_counted():
    sentences = [
        Sentence(Part.CHECK, Label.DISCLAIMER, "As an AI, I have no taste."),
        Sentence(Part.CHECK, Label.DISCLAIMER, "Hm."),
        Sentence(Part.CHECK, Label.POSITION, "As an AI, I have no taste, but soup."),
        Sentence(Part.CHECK, Label.NEITHER, "The bus is late."),
    ]
    assert accuracy(Label.DISCLAIMER, sentences) == Accuracy(found=2, found_rightly=1, wanted=2)
    found = accuracy(Label.DISCLAIMER, sentences)
    assert (found.precision, found.recall) == (0.5, 0.5)
    assert found.recall_interval[0] < 0.5 < found.recall_interval[1]
