"""What a person is told: lines, or a bar that stays where it is."""

import io
from dataclasses import replace

from rich.console import Console

from training.artifacts.progress import Moment, ProgressLines, live_bar

MOMENT = Moment(10, 206, 3.21, 3.5, 1234.5, 800.4, 3725)


def test_a_moment_is_one_line():
    lines: list[str] = []
    ProgressLines(lines.append).show(MOMENT)
    assert lines == [
        "step 10/206  loss 3.210  validation 3.500  1,234 tok/s  800 MiB  1:02:05 left"
    ]


def test_before_the_first_validation_there_is_none():
    assert str(Moment(1, 2, 3.0, None, 10, 1, 65)) == (
        "step 1/2  loss 3.000  10 tok/s  1 MiB  1:05 left"
    )


TOO_LONG = replace(MOMENT, rows="72 left out")


def test_rows_that_were_too_long_stand_in_every_line_and_above_the_bar():
    assert str(TOO_LONG) == f"{MOMENT}  (72 left out)"
    screen = io.StringIO()
    with live_bar(Console(file=screen, force_terminal=True, width=80)) as bar:
        bar.show(MOMENT)
        assert "too long" not in screen.getvalue()
        bar.show(TOO_LONG)
    written = screen.getvalue()
    assert "rows too long: 72 left out" in written
    assert "1:02:05 left" in written


def test_the_bar_shows_the_same_and_lines_go_above_it():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    with live_bar(console) as bar:
        bar.say("loading [tiny]")
        bar.show(MOMENT)
        bar.say("half")
    written = screen.getvalue()
    assert "loading [tiny]" in written
    assert "10/206" in written
    assert "loss 3.210  validation 3.500  1,234 tok/s  800 MiB  1:02:05 left" in written


def test_eighty_columns_are_enough():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80)
    with live_bar(console) as bar:
        bar.show(MOMENT)
    written = screen.getvalue()
    assert "10/206" in written
    assert "1:02:05 left" in written
    assert "…" not in written
