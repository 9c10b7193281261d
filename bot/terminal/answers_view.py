"""Draws running answers: one, or two side by side, in a region that is redrawn as text comes."""

import asyncio
import time
from collections.abc import Callable, Sequence

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bot.chat.events import Delta, Restarted
from bot.terminal.pane import Pane

FRAME_S = 0.05
COLUMN_CELLS = 38  # narrower columns go under each other
GAP = 3
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
ASCII_SPINNER = "|/-\\"
FRAMES_PER_S = 10


async def show_answers(
    console: Console, panes: Sequence[Pane], why_waiting: Callable[[], str]
) -> None:
    """Draw the panes until each has ended; `why_waiting` is what is said before the first text.

    Where the cursor cannot be moved they come one after the other.
    """
    if console.is_terminal and not console.is_dumb_terminal:
        await _draw(console, AnswerView(panes, why_waiting))
    else:
        for pane in panes:
            await _write(console, pane, titled=len(panes) > 1)


class AnswerView:
    """The panes as rich renders them; unless `whole`, only so much of each as fits the screen."""

    def __init__(self, panes: Sequence[Pane], why_waiting: Callable[[], str]) -> None:
        self.panes = panes
        self.whole = False
        self._why_waiting = why_waiting

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Columns where they are wide enough, blocks under each other otherwise."""
        count = len(self.panes)
        width = (options.max_width - GAP * (count - 1)) // count
        if count == 1 or width < COLUMN_CELLS:
            rows = max(1, console.height // count - 3)
            for pane in self.panes:
                yield from filter(None, self._parts(pane, console, options.max_width, rows))
            return
        rows = max(1, console.height - 4)
        table = Table.grid(padding=(0, GAP, 0, 0), pad_edge=False)
        for _ in self.panes:
            table.add_column(width=width)
        columns = [self._parts(pane, console, width, rows) for pane in self.panes]
        for cells in zip(*columns, strict=True):
            table.add_row(*(cell or "" for cell in cells))
        yield table

    def _parts(
        self, pane: Pane, console: Console, width: int, rows: int
    ) -> list[RenderableType | None]:
        """Title, body and footer; None for what there is not."""
        title = Text(pane.title, style="bold") if len(self.panes) > 1 else None
        body = self._waiting(console, pane) if pane.waits else Text(pane.text)
        lines = body.wrap(console, width, overflow="fold")
        shown = Text("\n").join(lines if self.whole else lines[-rows:])
        footer = Text(pane.footer, style="red" if pane.failed else "dim")
        return [title, shown if shown else None, footer if footer else None]

    def _waiting(self, console: Console, pane: Pane) -> Text:
        frames = ASCII_SPINNER if console.options.ascii_only else SPINNER
        frame = frames[int(time.monotonic() * FRAMES_PER_S) % len(frames)]
        return Text(f"{frame} {self._why_waiting() or pane.note}", style="dim")


async def _draw(console: Console, view: AnswerView) -> None:
    with Live(view, console=console, auto_refresh=False, vertical_overflow="crop") as live:
        following = [asyncio.create_task(_follow(pane)) for pane in view.panes]
        try:
            running = set(following)
            while running:
                _, running = await asyncio.wait(running, timeout=FRAME_S)
                live.refresh()
        finally:
            view.whole = True  # the frame that stays
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
    for task in following:
        task.result()


async def _follow(pane: Pane) -> None:
    async for event in pane.ticket.events():
        pane.take(event)


async def _write(console: Console, pane: Pane, *, titled: bool) -> None:
    if titled:
        console.out(f"[{pane.title}]", highlight=False)
    async for event in pane.ticket.events():
        written = pane.text
        pane.take(event)
        if isinstance(event, Delta):
            console.out(pane.text.removeprefix(written), end="", highlight=False)
        elif isinstance(event, Restarted):
            console.out(f"\n{pane.note}", highlight=False)
    console.out(f"\n{pane.footer}", highlight=False)
