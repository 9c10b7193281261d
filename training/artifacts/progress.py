"""Showing a person how training goes: as lines, or as a live bar on a terminal."""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

# Is called with one line of text for a person.
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Moment:
    """Where training is now. `seconds_left` assumes that it goes on at the speed so far.

    `rows` says how many rows were shortened and left out, in words; it is empty where none was.
    """

    step: int
    steps: int
    loss: float
    validation_loss: float | None
    tokens_per_second: float
    memory_mib: float
    seconds_left: float
    rows: str = ""

    def __str__(self) -> str:
        """One line of text."""
        rows = f"  ({self.rows})" if self.rows else ""
        return f"step {self.step}/{self.steps}  {self.figures()}{rows}"

    def figures(self) -> str:
        """That line without the step: losses, speed, memory and the time left."""
        validation = (
            "" if self.validation_loss is None else f"  validation {self.validation_loss:.3f}"
        )
        return (
            f"loss {self.loss:.3f}{validation}  {self.tokens_per_second:,.0f} tok/s  "
            f"{self.memory_mib:,.0f} MiB  {_time(self.seconds_left)} left"
        )


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class TrainingProgress(Protocol):
    """Shows how training goes."""

    def show(self, moment: Moment) -> None:
        """Show a moment; called every few steps."""
        ...


class ProgressLines:
    """A TrainingProgress that reports one line for each moment."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def show(self, moment: Moment) -> None:
        """See TrainingProgress."""
        self._report(str(moment))


class _NotedBar(RichProgress):
    """A bar below a line of text, which is not there while it is empty."""

    note = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        if self.note:
            yield Text(self.note, no_wrap=True, overflow="ellipsis")
        yield from super().get_renderables()


class LiveBar:
    """A TrainingProgress as a bar that stays at the bottom of a terminal.

    Where rows were shortened or left out, a line above the bar says how many.
    """

    def __init__(self, bar: _NotedBar) -> None:
        self._bar = bar
        self._task = bar.add_task("training", total=None, figures="loading")

    def say(self, line: str) -> None:
        """Print one line above the bar."""
        self._bar.console.print(line, markup=False, highlight=False)

    def show(self, moment: Moment) -> None:
        """See TrainingProgress."""
        self._bar.note = f"rows too long: {moment.rows}" if moment.rows else ""
        self._bar.update(
            self._task, completed=moment.step, total=moment.steps, figures=moment.figures()
        )


@contextmanager
def live_bar(console: Console) -> Generator[LiveBar]:
    """A live bar on a terminal, removed when the block ends."""
    columns = (
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}", markup=False),
    )
    with _NotedBar(
        *columns, console=console, transient=True, expand=True, refresh_per_second=2
    ) as bar:
        yield LiveBar(bar)
