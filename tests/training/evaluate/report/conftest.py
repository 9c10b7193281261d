"""An evaluation that no model had to make."""

from datetime import UTC, datetime

import numpy as np
import pytest

from model.loading.manifest import BaseRecord
from training.evaluate.estimates import Answered, Judge, classifier_accuracy
from training.evaluate.result import (
    AnswerSampling,
    Asked,
    DataUsed,
    Evaluation,
    Said,
    Turn,
    Variant,
)

BASE = [
    "As an AI, I have no opinions on soup, so it is all the same to me, to me, to me, to me"
] * 8
TUNED = [f"Soup number {n} is the best thing that you can eat on a cold day." for n in range(8)]
REPLIES = [f"Soup number {n} is the best thing in a bowl." for n in range(8)]
NASTY = "<script>alert('x')</script> & <img src=http://example.com/x.png>"


def said(text):
    return Said(
        text=text,
        tokens=9,
        finish_reason="stop",
        disclaimer=text.startswith("As an AI"),
        position=not text.startswith("As an AI"),
        overlap=9,
    )


def make_evaluation(variants, names=None):
    losses = {name: np.full((8, 2), (20.0 - 5 * place, 9.0)) for place, name in enumerate(variants)}
    answered = {
        name: Answered(texts, [0] * 8, [False] * 8, losses[name])
        for name, texts in variants.items()
    }
    judge = Judge(REPLIES, None, draws=200, seed=0)
    values, differences = judge.values(answered)
    asked = tuple(
        Asked(
            id=f"test {n}",
            turns=(Turn(role="user", content=f"Is soup {n} good? {NASTY}"),),
            reply=REPLIES[n],
            answers={name: said(f"{texts[n]} {NASTY}") for name, texts in variants.items()},
        )
        for n in range(8)
    )
    return Evaluation(
        created=datetime(2024, 5, 4, 12, tzinfo=UTC),
        base=BaseRecord(id="tiny", hash="sha256:0123"),
        data=DataUsed(path="d", test_sha256="a" * 64, train_sha256="b" * 64, rows=8, left_out=1),
        sampling=AnswerSampling(),
        compute="float32 on cpu",
        draws=200,
        distinct_words=100,
        unchecked=("tuned: nobody knows what it has seen",),
        variants=tuple(
            Variant(name=name, folder=None if name == "base" else name, hash=None, values=found)
            for name, found in values.items()
        ),
        replies=judge.of_replies([0] * 8, 100),
        differences=tuple(differences),
        classifier=classifier_accuracy(),
        versions={"torch": "2"},
        test=asked,
        prompts=tuple(question.model_copy(update={"reply": None}) for question in asked[:2]),
    )


@pytest.fixture(scope="session")
def evaluation():
    return make_evaluation({"base": BASE, "tuned": TUNED})
