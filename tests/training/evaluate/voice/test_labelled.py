"""The labelled sentences: enough, balanced, and the classifier's accuracy on them."""

from collections import Counter

import pytest

from training.evaluate.voice.classifier import Label
from training.evaluate.voice.labelled import (
    Accuracy,
    LabelledSide,
    Sentence,
    accuracy,
    held_out_accuracy,
    read_sentences,
)
from training.evaluate.voice.state_classifier import shipped_with_states
from training.prepare.shingles import near_pairs, normalise, shingles


def on(side):
    return [sentence for sentence in read_sentences() if sentence.side is side]


def test_there_are_enough_sentences_and_none_stands_twice():
    sentences = read_sentences()
    assert len(on(LabelledSide.TRAIN)) >= 4500
    assert len(on(LabelledSide.TEST)) >= 400
    assert len(on(LabelledSide.FRESH)) >= 100
    assert len({sentence.text.casefold() for sentence in sentences}) == len(sentences)
    for side in LabelledSide:
        counts = Counter((one.disclaimer, one.position) for one in on(side))
        assert min(counts[True, False], counts[False, True], counts[False, False]) >= 10


def test_whole_families_are_held_out():
    families = {
        side: {one.family for one in on(side)} for side in (LabelledSide.TRAIN, LabelledSide.TEST)
    }
    assert not families[LabelledSide.TRAIN] & families[LabelledSide.TEST]
    assert len(families[LabelledSide.TEST]) >= 40


def test_no_test_sentence_is_near_one_of_the_train_side():
    train, test = (
        [one.text for one in on(side) if len(one.text.split()) >= 5]
        for side in (LabelledSide.TRAIN, LabelledSide.TEST)
    )
    pairs = near_pairs([shingles(normalise(text)) for text in (*train, *test)], 0.6)
    crossing = [pair for pair in pairs if pair[0] < len(train) <= pair[1]]
    assert crossing == []


# As measured (docs/experiments.md). Wanted were 0.90 for disclaimers and 0.85 for positions: words
# and states reach the first, and miss the second by one text each: 198 of 233, and of 234.
@pytest.mark.parametrize(
    ("label", "precision", "recall"),
    [(Label.DISCLAIMER, 0.94, 0.9), (Label.POSITION, 0.84, 0.84)],
)
def test_words_and_states_are_right_on_families_they_have_not_seen(label, precision, recall):
    found = shipped_with_states().accuracy(label, LabelledSide.TEST)
    assert found.total == len(on(LabelledSide.TEST))
    assert found.precision >= precision
    assert found.recall >= recall


@pytest.mark.parametrize(
    ("label", "precision", "recall"),
    [(Label.DISCLAIMER, 0.93, 0.89), (Label.POSITION, 0.74, 0.76)],
)
def test_words_alone_are_right_on_families_they_have_not_seen(label, precision, recall):
    found = held_out_accuracy(label)
    assert found.precision >= precision
    assert found.recall >= recall


# As measured, as above: positions of rambles are often missed.
@pytest.mark.parametrize(
    ("label", "specificity", "recall"),
    [(Label.DISCLAIMER, 0.96, 0.9), (Label.POSITION, 0.91, 0.29)],
)
def test_long_answers_of_a_base_to_prompts_it_has_not_seen(label, specificity, recall):
    found = shipped_with_states().accuracy(label, LabelledSide.TEST, "ramble")
    assert found.total >= 80
    assert found.left_rightly / found.unwanted >= specificity
    assert found.recall >= recall


@pytest.mark.parametrize(
    ("side", "label", "precision", "recall"),
    [
        (LabelledSide.EARLIER, Label.DISCLAIMER, 0.87, 1.0),
        (LabelledSide.EARLIER, Label.POSITION, 0.91, 0.91),
        (LabelledSide.FRESH, Label.DISCLAIMER, 0.85, 0.7),
        (LabelledSide.FRESH, Label.POSITION, 0.83, 0.95),
    ],
)
def test_another_writers_sentences_and_those_that_mislead(side, label, precision, recall):
    found = shipped_with_states().accuracy(label, side)
    assert found.precision >= precision
    assert found.recall >= recall


@pytest.mark.parametrize(
    ("side", "label", "precision", "recall"),
    [
        (LabelledSide.EARLIER, Label.DISCLAIMER, 0.86, 1.0),
        (LabelledSide.EARLIER, Label.POSITION, 0.87, 0.82),
        (LabelledSide.FRESH, Label.DISCLAIMER, 0.73, 0.82),
        (LabelledSide.FRESH, Label.POSITION, 0.85, 0.83),
    ],
)
def test_the_same_by_words_alone(side, label, precision, recall):
    found = accuracy(label, on(side))
    assert found.precision >= precision
    assert found.recall >= recall


def test_precision_and_recall_are_counted():
    texts = {
        "As an AI, I have no taste.": True,
        "Hm.": True,
        "As an AI, I cannot answer.": False,
        "The bus is late.": False,
    }
    sentences = [
        Sentence(text, disclaimer, False, "f", "k", LabelledSide.TEST)
        for text, disclaimer in texts.items()
    ]
    found = accuracy(Label.DISCLAIMER, sentences)
    assert found == Accuracy(found=2, found_rightly=1, wanted=2, total=4)
    assert (found.precision, found.recall) == (0.5, 0.5)
    assert (found.unwanted, found.left_rightly) == (2, 1)
    assert found.recall_interval[0] < 0.5 < found.recall_interval[1]
