"""A flat parameter shares values and gradients with its parts, and learns the same."""

import torch
from torch import nn

from training.train.flat import Flat


def layers() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8, bias=False), nn.Tanh(), nn.Linear(8, 2, bias=False))


def test_values_and_gradients_are_shared():
    model = layers()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    whole = Flat(list(model.parameters())).whole
    assert whole.shape == (4 * 8 + 8 * 2,)
    for parameter, value in zip(model.parameters(), before, strict=True):
        assert torch.equal(parameter, value)
    model(torch.ones(1, 4)).sum().backward()
    assert whole.grad is not None
    parts = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
    assert torch.equal(whole.grad, parts)
    assert parts.count_nonzero()
    with torch.no_grad():
        whole.zero_()
    assert not any(parameter.count_nonzero() for parameter in model.parameters())


def test_an_optimiser_over_it_does_the_same_steps():
    one, other = layers(), layers()
    both = Flat(list(other.parameters()))
    plain, flat = torch.optim.AdamW(one.parameters()), torch.optim.AdamW([both.whole])
    for step in range(3):
        for model, optimiser in ((one, plain), (other, flat)):
            model(torch.full((2, 4), step + 1.0)).square().sum().backward()
            optimiser.step()
        plain.zero_grad()
        both.zero()
    for wanted, found in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(found, wanted)


def test_gradients_that_were_put_elsewhere_are_taken_in():
    model = layers()
    both = Flat(list(model.parameters()))
    first, second = model.parameters()
    first.grad, second.grad = torch.ones_like(first), None
    both.collect()
    assert both.whole.grad is not None
    assert both.whole.grad.sum() == first.numel()
    both.zero()
    assert first.grad.count_nonzero() == 0
