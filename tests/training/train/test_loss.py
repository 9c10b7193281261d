"""The loss counts reply tokens, all of them and nothing else; in chunks it is torch's own."""

import math

import pytest
import torch
from torch.nn import functional as F
from transformers import AutoModelForCausalLM

from data.files.datasets import Pair
from model.text.prompt import PromptRenderer
from tests.fakes.tiny_model import tiny_tokenizer
from training.train import loss as loss_module
from training.train.examples import IGNORED, encode
from training.train.layout import Packed, Padded
from training.train.loss import ReplyLoss, ReplyLossModule, measure, summed_cross_entropy

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
    return encode(PAIRS, PromptRenderer(tiny_tokenizer()), 100).rows


@pytest.mark.parametrize("layout", [Padded(1), Padded(3), Packed(400)])
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


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_loss_and_gradient_are_torchs(monkeypatch, chunk: int):
    monkeypatch.setattr(loss_module, "CHUNK", chunk)
    make = torch.Generator().manual_seed(1)
    hidden = torch.randn(7, 16, generator=make, requires_grad=True)
    head = torch.randn(50, 16, generator=make)
    targets = torch.tensor([3, IGNORED, 49, 0, IGNORED, 7, 7])
    wanted = F.cross_entropy(hidden @ head.T, targets, ignore_index=IGNORED, reduction="sum")
    (right,) = torch.autograd.grad(wanted / 5, hidden)
    loss = summed_cross_entropy(hidden, head, targets)
    (found,) = torch.autograd.grad(loss / 5, hidden)
    torch.testing.assert_close(loss, wanted)
    torch.testing.assert_close(found, right)
    assert found[1].count_nonzero() == found[4].count_nonzero() == 0


def test_large_logits_do_not_overflow():
    hidden = torch.full((1, 4), 1000.0, requires_grad=True)
    loss = summed_cross_entropy(hidden, torch.eye(4) * 100, torch.tensor([2]))
    loss.backward()
    assert loss.item() == pytest.approx(torch.log(torch.tensor(4.0)).item(), rel=1e-4)
    assert hidden.grad is not None
    assert hidden.grad.isfinite().all()


def test_nothing_to_learn_is_a_loss_of_nothing():
    hidden = torch.randn(3, 4, requires_grad=True)
    loss = summed_cross_entropy(hidden, torch.randn(9, 4), torch.full((3,), IGNORED))
    loss.backward()
    assert loss.item() == 0
    assert hidden.grad is not None
    assert hidden.grad.count_nonzero() == 0
