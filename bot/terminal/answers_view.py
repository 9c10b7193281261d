"""Draws running answers: one, or two side by side, in a region that is redrawn as text comes."""

import asyncio
import time
from collections.abc import Callable, Sequence

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bot.chat.events import (
    Delta,
    Ended,
    Event,
    Finished,
    Queued,
    Restarted,
    Retracted,
    Started,
    Thinking,
    Written,
)
from bot.chat.ticket import Ticket
from bot.terminal.wording import (
    NOT_KEPT_YET,
    THINKING_FIRST,
    answer_text,
    draft_line,
    footer_line,
    queued_line,
)
from bot.text import clean_text
from data.records import NewAnswer, RequestState

FRAME_S = 0.05
COLUMN_CELLS = 38  # narrower columns go under each other
GAP = 3
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
ASCII_SPINNER = "|/-\\"
FRAMES_PER_S = 10
THINKING = "thinking"


class Pane:
    """What is shown of one answer; `follow` keeps it up to date.

    `text` is the answer so far, `note` says why no text comes yet, `footer` is the line under an
    answer that has ended, and `failed` means that there is none. No control characters in any.
    """

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self.text = ""
        self.note = THINKING
        self.footer = ""
        self.failed = False
        self.thought = False

    @property
    def title(self) -> str:
        """The variant's name."""
        return clean_text(self.ticket.request.variant)

    @property
    def waits(self) -> bool:
        """Whether there is nothing to read yet."""
        return not self.text and not self.footer

    async def follow(self) -> None:
        """Take in the ticket's events up to the one after which no more text comes."""
        async for event in self.ticket.events():
            self.take(event)
            if isinstance(event, Written):
                return  # the store comes round to it, or not: nobody has to wait for that

    def take(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case Queued(_, position, estimate_s):
                self.note = queued_line(position, estimate_s)
            case Started():
                self.note = THINKING
            case Thinking():
                self.thought, self.note = True, THINKING_FIRST
            case Delta(text):
                self.text += clean_text(text)
            case Retracted():
                self.text, self.note = "", THINKING_FIRST
            case Restarted(reason):
                self.text, self.note = "", clean_text(reason)
            case Written() | Finished() | Ended():
                self._take_end(event)

    def _take_end(self, event: Written | Finished | Ended) -> None:
        match event:
            case Written(answer):
                self._end(answer, f"{draft_line(answer)} · {NOT_KEPT_YET}")
            case Finished(answer, request):
                self._end(answer, footer_line(answer, request))
            case Ended(_, message, NewAnswer() as answer):
                self._end(answer, message)
                self.failed = True
            case Ended(state, message):
                self.footer = clean_text(message)
                self.failed = state is not RequestState.STOPPED

    def _end(self, answer: NewAnswer, footer: str) -> None:
        self.text = clean_text(answer_text(answer, thought=self.thought))
        self.footer = clean_text(footer)


async def show_answers(
    console: Console, panes: Sequence[Pane], why_waiting: Callable[[], str]
) -> None:
    """Show the panes until each has ended; without a cursor to move, one after the other.

    `why_waiting` gives what is said before the first text; when it gives nothing, a pane's own
    note is said.
    """
    if console.is_terminal and not console.is_dumb_terminal:
        await _draw(console, AnswerView(panes, why_waiting))
    else:
        for pane in panes:
            await _write(console, pane, titled=len(panes) > 1)


class AnswerView:
    """The panes as rich renders them; unless `whole`, only as much of each as fits the screen."""

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
        """The pane's title, body and footer, None for each that is empty."""
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
        following = [asyncio.create_task(pane.follow()) for pane in view.panes]
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


async def _write(console: Console, pane: Pane, *, titled: bool) -> None:
    """Write what comes; what is written cannot be taken back, so it is written once."""
    if titled:
        console.out(f"[{pane.title}]", highlight=False)
    on_screen = ""
    async for event in pane.ticket.events():
        pane.take(event)
        match event:
            case Restarted() | Retracted():
                console.out(f"\n{pane.note}", highlight=False)
                on_screen = ""
            case Delta() | Written() | Finished() | Ended(unkept=NewAnswer()):
                console.out(pane.text.removeprefix(on_screen), end="", highlight=False)
                on_screen = pane.text
            case _:
                pass
        if isinstance(event, Written):
            break
    console.out(f"\n{pane.footer}", highlight=False)
