"""Which optimiser it is, that its state can be taken out and put back, and the flat parameter."""

import pytest
import torch
from torch import nn

from training.recipe import Schedule
from training.train.optimiser import (
    FlatAdapter,
    FlatParameter,
    new_optimiser,
    read_state,
    set_rate,
    write_state,
)


def parameters():
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(80, 64)), nn.Parameter(torch.randn(3))]


def groups(given):
    return [{"params": given, "rate_factor": 1.0}]


def step(optimiser, given, seed):
    torch.manual_seed(seed)
    for parameter in given:
        parameter.grad = torch.randn_like(parameter)
    optimiser.step()


def schedule(kind):
    return Schedule(learning_rate=0.1, epochs=1, optimizer=kind, weight_decay=0.01)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("auto", "AdamW"), ("adamw", "AdamW"), ("paged_adamw_8bit", "AdamW8bit")],
)
def test_goes_on_as_if_it_had_never_stopped(kind, name):
    through = parameters()
    optimiser = new_optimiser(groups(through), schedule(kind))
    assert type(optimiser).__name__ == name
    step(optimiser, through, 1)
    resumed = [nn.Parameter(parameter.detach().clone()) for parameter in through]
    again = new_optimiser(groups(resumed), schedule(kind))
    write_state(again, [dict(slots) for slots in read_state(optimiser)])
    for each, given in ((optimiser, through), (again, resumed)):
        set_rate(each, 0.05)
        step(each, given, 2)
    assert all(torch.equal(*pair) for pair in zip(through, resumed, strict=True))


def test_the_rate_is_used():
    given = parameters()
    optimiser = new_optimiser(groups(given), schedule("adamw"))
    before = [parameter.detach().clone() for parameter in given]
    set_rate(optimiser, 0.0)
    step(optimiser, given, 1)
    assert all(torch.equal(*pair) for pair in zip(given, before, strict=True))


def layers() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8, bias=False), nn.Tanh(), nn.Linear(8, 2, bias=False))


def test_values_and_gradients_are_shared():
    model = layers()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    whole = FlatParameter(list(model.parameters())).whole
    assert whole.shape == (4 * 8 + 8 * 2,)
    for parameter, value in zip(model.parameters(), before, strict=True):
        assert torch.equal(parameter, value)
    model(torch.ones(1, 4)).sum().backward()
    assert whole.grad is not None
    parts = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    assert torch.equal(whole.grad, parts)
    assert parts.count_nonzero()
    with torch.no_grad():
        whole.zero_()
    assert not any(parameter.count_nonzero() for parameter in model.parameters())


def test_an_optimiser_over_it_does_the_same_steps():
    one, other = layers(), layers()
    both = FlatParameter(list(other.parameters()))
    plain, flat = torch.optim.AdamW(one.parameters()), torch.optim.AdamW([both.whole])
    for step in range(3):
        for model, optimiser in ((one, plain), (other, flat)):
            model(torch.full((2, 4), step + 1.0)).square().sum().backward()
            optimiser.step()
        plain.zero_grad()
        both.zero_grad()
    for wanted, found in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(found, wanted)


def test_gradients_that_were_put_elsewhere_are_taken_in():
    model = layers()
    both = FlatParameter(list(model.parameters()))
    first, second = model.parameters()
    first.grad, second.grad = torch.ones_like(first), None
    both.collect()
    assert both.whole.grad is not None
    assert both.whole.grad.sum() == first.numel()
    both.zero_grad()
    assert first.grad.count_nonzero() == 0


@pytest.mark.parametrize(("rate_of_b", "sizes"), [(1.0, [42]), (4.0, [12, 30])])
def test_matrices_b_are_apart_where_they_have_a_rate_of_their_own(rate_of_b, sizes):
    trained = {
        f"layers.0.q_proj.lora_{side}.default.weight": nn.Parameter(torch.ones(size))
        for side, size in (("A", 12), ("B", 30))
    }
    flat = FlatAdapter(trained, rate_of_b)
    assert [whole.numel() for whole in flat.wholes] == sizes
    optimiser = new_optimiser(flat.groups, schedule("adamw"))
    set_rate(optimiser, 0.01)
    gradients = [p.grad for p in trained.values() if p.grad is not None]
    for gradient in gradients:
        gradient.fill_(1)
    flat.collect()
    optimiser.step()
    moved = [float(1 - parameter.detach()[0]) for parameter in trained.values()]
    assert moved[1] / moved[0] == pytest.approx(rate_of_b, rel=1e-2)
    flat.zero_grad()
    assert not any(gradient.count_nonzero() for gradient in gradients)
