"""The loss counts reply tokens, all of them and nothing else."""

import math

import pytest
import torch
from transformers import AutoModelForCausalLM

from data.datasets import Pair
from model.prompt import PromptRenderer
from tests.model.tiny import tiny_tokenizer
from training.examples import IGNORED, Collator, encode
from training.loss import ReplyLoss, measure, reply_tokens, summed_loss

PAIRS = [
    Pair("hello", "an opinion about soup"),
    Pair("a much longer comment here", "no"),
    Pair("why", "because soup is the best of all"),
]


@pytest.fixture(scope="module")
def model(base):
    return AutoModelForCausalLM.from_pretrained(base.folder).eval()


@pytest.fixture(scope="module")
def rows():
    return encode(PAIRS, PromptRenderer(tiny_tokenizer()), 100)


def test_is_the_loss_transformers_computes(model, rows):
    batch = Collator(0)(rows)
    with torch.no_grad():
        theirs = model(**batch).loss * reply_tokens(batch)
        torch.testing.assert_close(summed_loss(model, batch), theirs)


def test_does_not_depend_on_how_rows_are_put_together(model, rows):
    together = measure(model, rows, Collator(0), batch_size=3)
    alone = measure(model, rows[::-1], Collator(1), batch_size=1)
    assert (
        together.tokens
        == alone.tokens
        == sum(label != IGNORED for row in rows for label in row["labels"])
    )
    assert together.total == pytest.approx(alone.total, rel=1e-5)


def test_measuring_restores_the_mode(model, rows):
    for mode in (True, False):
        model.train(mode)
        measure(model, rows, Collator(0), batch_size=2)
        assert model.training is mode
    model.eval()


def test_mean_and_perplexity():
    loss = ReplyLoss(total=6.0, tokens=3)
    assert loss.per_token == 2.0
    assert loss.perplexity == pytest.approx(math.e**2)
