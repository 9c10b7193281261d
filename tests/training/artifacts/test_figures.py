"""Figures are kept line by line, short, and rewound when training goes back."""

import json

from training.artifacts.figures import Figure, FigureLog

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
