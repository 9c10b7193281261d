"""Figures are kept line by line and rewound when training goes back; the curve shows them all."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from training.artifacts.figures import Figure, FigureLog, draw_curve, is_better, running_mean

FIGURES = [
    Figure(step=0, epoch=0.0, validation_loss=4.0),
    Figure(step=1, epoch=0.5, loss=1 / 3, learning_rate=0.01, grad_norm=2.0, memory_mib=100),
    Figure(step=2, epoch=1.0, loss=3.0, validation_loss=2.5),
]


def test_a_line_holds_what_was_looked_at():
    assert json.loads(FIGURES[1].line()) == {
        "step": 1, "epoch": 0.5, "loss": 0.333333, "learning_rate": 0.01, "grad_norm": 2.0,
        "memory_mib": 100,
    }  # fmt: skip


def test_lines_are_added_and_read(tmp_path):
    log = FigureLog(tmp_path / "figures.jsonl")
    assert log.read() == []
    log.add(FIGURES[:1])
    log.add(FIGURES[2:])
    assert log.read() == [FIGURES[0], FIGURES[2]]


def test_rewinding_forgets_what_came_later_and_half_a_line(tmp_path):
    log = FigureLog(tmp_path / "figures.jsonl")
    log.add([FIGURES[0], FIGURES[2]])
    with log.path.open("a") as file:
        file.write('{"step": 3, "ep')
    log.rewind(1)
    assert log.read() == FIGURES[:1]
    log.rewind(-1)
    assert log.path.read_text() == ""


def figures(steps=60):
    learned = [Figure(step=s, epoch=0, loss=4 / s**0.2) for s in range(1, steps)]
    validated = [Figure(step=s, epoch=0, validation_loss=4.2 / (s + 1) ** 0.15)
                 for s in range(0, steps, 20)]  # fmt: skip
    return learned + validated


def pixels(png):
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    assert image.size == (960, 540)
    return np.asarray(image.convert("RGB")).reshape(-1, 3)


def count(png, colour):
    return int((pixels(png) == colour).all(axis=1).sum())


def test_both_losses_are_drawn_and_the_kept_step_is_marked():
    whole = draw_curve(figures(), 40, "tiny")
    training, validation = (0x1F, 0x4E, 0x79), (0xC2, 0x41, 0x0C)
    assert count(whole, training) > 300
    assert count(whole, validation) > 300
    only = draw_curve([f for f in figures() if f.loss is not None], 40, "tiny")
    assert count(only, validation) == 0
    unmarked = draw_curve(figures(), 7, "tiny")
    assert count(whole, validation) > count(unmarked, validation)


def test_nothing_is_marked_where_nothing_was_kept():
    marked, unmarked = (draw_curve(figures(), step, "tiny") for step in (0, None))
    mark = (0xC2, 0x41, 0x0C)
    assert count(marked, mark) > count(unmarked, mark) > 300


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [(4.2, 15.7, True), (4.2, 4.2, True), (4.2, 4.1, False), (4.2, float("nan"), True)],
)
def test_an_adapter_must_be_better_than_its_base(before, after, worse):
    measured = {"base_validation_loss": before, "validation_loss": after}
    assert is_better(measured) is not worse


@pytest.mark.parametrize("key", ["base_validation_loss", "validation_loss"])
def test_figures_that_say_nothing_call_nothing_worse(key):
    assert is_better({key: 1.0}) is None


def test_the_same_figures_give_the_same_bytes():
    assert draw_curve(figures(), 40, "x") == draw_curve(figures(), 40, "x")


def test_nothing_to_draw_is_a_picture_all_the_same():
    assert pixels(draw_curve([], 0, "empty")).any()


@pytest.mark.parametrize(("values", "means"), [([], []), ([1.0, 3.0], [1.0, 3.0])])
def test_few_values_are_their_own_mean(values, means):
    assert running_mean(values) == means


def test_many_values_are_smoothed_over_a_twentieth():
    values = [0.0, 2.0] * 40
    assert running_mean(values)[10:14] == [1.0, 1.0, 1.0, 1.0]
