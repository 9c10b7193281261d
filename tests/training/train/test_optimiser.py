"""Which optimiser it is, and that its state taken out and put back changes nothing."""

import pytest
import torch
from torch import nn

from training.recipe import Schedule
from training.train.optimiser import new_optimiser, read_state, set_rate, write_state


def parameters():
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(80, 64)), nn.Parameter(torch.randn(3))]


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
    optimiser = new_optimiser(through, schedule(kind))
    assert type(optimiser).__name__ == name
    step(optimiser, through, 1)
    resumed = [nn.Parameter(parameter.detach().clone()) for parameter in through]
    again = new_optimiser(resumed, schedule(kind))
    write_state(again, [dict(slots) for slots in read_state(optimiser)])
    for each, given in ((optimiser, through), (again, resumed)):
        set_rate(each, 0.05)
        step(each, given, 2)
    assert all(torch.equal(*pair) for pair in zip(through, resumed, strict=True))


def test_the_rate_is_used():
    given = parameters()
    optimiser = new_optimiser(given, schedule("adamw"))
    before = [parameter.detach().clone() for parameter in given]
    set_rate(optimiser, 0.0)
    step(optimiser, given, 1)
    assert all(torch.equal(*pair) for pair in zip(given, before, strict=True))
