"""An evaluation that no model had to make."""

from datetime import UTC, datetime

import numpy as np
import pytest

from model.loading.manifest import BaseRecord
from training.evaluate.estimates import Judge, VariantAnswers, classifier_accuracy
from training.evaluate.result import (
    Asked,
    AskedTurn,
    DataUsed,
    Evaluation,
    MeasuredAnswer,
    ReportedSampling,
    VariantFigures,
)
from training.evaluate.voice.judge import ByWords

ROWS = 24
BASE = [
    "As an AI, I have no opinions on soup, so it is all the same to me, to me, to me, to me"
] * ROWS
TUNED = [f"Soup number {n} is the best thing that you can eat on a cold day." for n in range(ROWS)]
REPLIES = [f"Soup number {n} is the best thing in a bowl." for n in range(ROWS)]
NASTY = "<script>alert('x')</script> & <img src=http://example.com/x.png>"


def said(text):
    return MeasuredAnswer(
        text=text,
        tokens=9,
        finish_reason="stop",
        disclaimer=text.startswith("As an AI"),
        position=not text.startswith("As an AI"),
        overlap=9,
    )


def give_losses(variants):
    """The texts of each variant as answers; each variant is less surprised than the one before."""
    return {
        name: VariantAnswers(
            texts,
            [0] * len(texts),
            [False] * len(texts),
            np.full((len(texts), 2), (20.0 - 5 * place, 9.0)),
        )
        for place, (name, texts) in enumerate(variants.items())
    }


def make_evaluation(answered, replies=REPLIES, draws=200, seed=0):
    """An evaluation of answers, given as VariantAnswers or, with losses made up, as texts."""
    if not all(isinstance(one, VariantAnswers) for one in answered.values()):
        answered = give_losses(answered)
    judge = Judge(replies, None, draws=draws, seed=seed)
    values, differences = judge.values(answered)
    asked = tuple(
        Asked(
            id=f"test {n}",
            turns=(AskedTurn(role="user", content=f"Is soup {n} good? {NASTY}"),),
            reply=reply,
            answers={name: said(f"{one.texts[n]} {NASTY}") for name, one in answered.items()},
        )
        for n, reply in enumerate(replies)
    )
    return Evaluation(
        created=datetime(2024, 5, 4, 12, tzinfo=UTC),
        base=BaseRecord(id="tiny", hash="sha256:0123"),
        data=DataUsed(
            path="d", test_sha256="a" * 64, train_sha256="b" * 64, rows=len(replies), left_out=1
        ),
        sampling=ReportedSampling(),
        compute="float32 on cpu",
        draws=draws,
        distinct_words=100,
        unchecked=("tuned: nobody knows what it has seen",),
        variants=tuple(
            VariantFigures(
                name=name, folder=None if name == "base" else name, hash=None, values=found
            )
            for name, found in values.items()
        ),
        replies=judge.of_replies([0] * len(replies), 100),
        differences=tuple(differences),
        classifier=classifier_accuracy(ByWords()),
        versions={"torch": "2"},
        test=asked,
        prompts=tuple(question.model_copy(update={"reply": None}) for question in asked[:2]),
    )


@pytest.fixture(scope="session")
def evaluation():
    return make_evaluation({"base": BASE, "tuned": TUNED})
