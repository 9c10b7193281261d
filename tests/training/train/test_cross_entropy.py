"""The chunked loss is torch's, gradient included, whatever the chunks."""

import pytest
import torch
from torch.nn import functional as F

from training.train import cross_entropy
from training.train.cross_entropy import summed_cross_entropy
from training.train.examples import IGNORED


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_loss_and_gradient_are_torchs(monkeypatch, chunk: int):
    monkeypatch.setattr(cross_entropy, "CHUNK", chunk)
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
