"""Who judges: words and states where the demo model can be had, else words, never silently."""

import numpy as np
import pytest

from model.errors import DemoModelError
from tests.fakes.state_reader import CountingReader
from training.evaluate.voice.classifier import Label
from training.evaluate.voice.judge import (
    STATES,
    WORDS,
    ByWords,
    judge_by_states,
    judge_by_words,
    judging_at,
)
from training.evaluate.voice.labelled import LabelledSide, held_out, held_out_accuracy
from training.evaluate.voice.state_classifier import shipped_with_states
from training.evaluate.voice.states import StateReader

TEXTS = ["As an AI, I have no taste.", "Soup, easily.", "", "  ", "Soup, easily."]


def quietly(done, total):
    pass


def test_each_text_is_read_once_and_an_empty_one_never():
    reader = CountingReader()
    verdicts = judge_by_states(reader, TEXTS, quietly)
    assert reader.texts == ["As an AI, I have no taste.", "Soup, easily."]
    assert not any(verdicts.has(label, text) for label in Label for text in ("", "  "))
    assert (verdicts.judge, verdicts.note) == (STATES, "")
    with pytest.raises(KeyError):
        verdicts.has(Label.POSITION, "never given")


def test_a_label_holds_from_even_odds_on():
    reader = CountingReader()
    texts = ["As an AI, I have no taste.", "Soup, easily."]
    scores = shipped_with_states().scores(texts, reader.read(texts, quietly))
    verdicts = judge_by_states(reader, texts, quietly)
    for text, row in zip(texts, scores, strict=True):
        assert [verdicts.has(label, text) for label in Label] == [score > 0 for score in row]


def test_each_judge_has_its_own_accuracy():
    states = judge_by_states(CountingReader(), TEXTS, quietly)
    words = judge_by_words(TEXTS, quietly)
    for label in Label:
        assert words.accuracy(label) == held_out_accuracy(label)
        assert states.accuracy(label) == shipped_with_states().accuracy(label, LabelledSide.TEST)
        assert states.accuracy(label).found_rightly > words.accuracy(label).found_rightly


def test_without_the_demo_model_words_judge_and_say_so(tmp_path, monkeypatch):
    def missing(home, progress):
        raise DemoModelError("the demo model could not be downloaded")

    monkeypatch.setattr(StateReader, "open", missing)
    verdicts = judging_at(tmp_path, lambda stage, share: None)(TEXTS, quietly)
    assert verdicts.judge == WORDS
    assert verdicts.note == (
        "disclaimers and positions are judged by words alone: "
        "the demo model could not be downloaded"
    )
    assert verdicts.has(Label.DISCLAIMER, TEXTS[0])


def test_nothing_is_loaded_for_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(StateReader, "open", lambda *given: pytest.fail("opened"))
    judging = judging_at(tmp_path, lambda stage, share: pytest.fail("told"))
    verdicts = judging(["", " \n"], quietly)
    assert verdicts == ByWords()
    assert not verdicts.has(Label.POSITION, " \n")


def test_the_reader_is_opened_once_and_only_where_there_is_something(tmp_path, monkeypatch):
    opened = []

    def open_at(home, progress):
        opened.append(home)
        return CountingReader()

    monkeypatch.setattr(StateReader, "open", open_at)
    told = []
    judging = judging_at(tmp_path, lambda stage, share: None)
    assert opened == []
    verdicts = judging(TEXTS, lambda done, total: told.append((done, total)))
    assert opened == [tmp_path]
    assert told == [(2, 2)]
    assert verdicts.judge == STATES


@pytest.mark.demo
def test_the_demo_model_gives_the_scores_that_are_shipped(demo_home):
    at = list(range(0, len(held_out()), 40))
    texts = [held_out()[number].text for number in at]
    states = StateReader.open(demo_home, lambda *_: None).read(texts, quietly)
    scores = shipped_with_states().scores(texts, states)
    # Another processor rounds otherwise: the scores run from about -8 to 8.
    assert np.abs(scores - shipped_with_states().held_out_scores[at]).max() < 0.05
