"""The loss counts reply tokens, all of them and nothing else."""

import math

import pytest
import torch
from transformers import AutoModelForCausalLM

from data.files.datasets import Pair
from model.text.prompt import PromptRenderer
from tests.fakes.tiny_model import tiny_tokenizer
from training.train.examples import IGNORED, encode
from training.train.layout import Packed, Padded
from training.train.loss import ReplyLoss, ReplyLossModule, measure

PAIRS = [
    Pair("hello", "an opinion about soup"),
    Pair("a much longer comment here", "no"),
    Pair("why", "because soup is the best of all"),
]


@pytest.fixture(scope="module")
def model(base):
    return AutoModelForCausalLM.from_pretrained(base.folder).eval()


@pytest.fixture(scope="module")
def plain(base):
    """The same model, with transformers' own attention."""
    return AutoModelForCausalLM.from_pretrained(base.folder).eval()


@pytest.fixture(scope="module")
def rows():
    return encode(PAIRS, PromptRenderer(tiny_tokenizer()), 100)


@pytest.mark.parametrize("layout", [Padded(1), Padded(3), Padded(2, width=64), Packed(400)])
def test_is_the_loss_transformers_computes(model, plain, rows, layout):
    with torch.no_grad():
        theirs = sum(
            float(
                plain(torch.tensor([row["input_ids"]]), labels=torch.tensor([row["labels"]])).loss
            )
            * sum(label != IGNORED for label in row["labels"])
            for row in rows
        )
        ours = sum(float(ReplyLossModule(model)(batch)) for batch in layout.batches(rows))
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_does_not_depend_on_how_rows_are_put_together(model, rows):
    together = measure(model, rows, Packed(400))
    alone = measure(model, rows[::-1], Padded(1))
    assert (
        together.tokens
        == alone.tokens
        == sum(label != IGNORED for row in rows for label in row["labels"])
    )
    assert together.total == pytest.approx(alone.total, rel=1e-5)


def test_measuring_restores_the_mode(model, rows):
    for mode in (True, False):
        model.train(mode)
        measure(model, rows, Padded(2))
        assert model.training is mode
    model.eval()


def test_mean_and_perplexity():
    loss = ReplyLoss(total=6.0, tokens=3)
    assert loss.per_token == 2.0
    assert loss.perplexity == pytest.approx(math.e**2)
