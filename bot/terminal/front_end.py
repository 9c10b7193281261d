"""The front end for a terminal: a prompt, answers as they come, commands."""

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence

from prompt_toolkit.formatted_text import FormattedText
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.chat.events import Finished
from bot.chat.ticket import Ticket
from bot.config.own_files import HISTORY
from bot.errors import UserError
from bot.front_end import Services
from bot.ratings.statistics import Figures
from bot.ratings.stats_lines import HEADINGS, NOTHING, cells, verdict_line
from bot.terminal.answers_view import Pane, show_answers
from bot.terminal.commands import (
    AskBoth,
    ChooseModel,
    Command,
    GoOn,
    Misunderstood,
    Quit,
    RateAnswer,
    Reset,
    Say,
    ShowHelp,
    ShowModel,
    ShowStats,
    parse,
)
from bot.terminal.line_editor import Interrupted, LineEditor, quiet_keys
from bot.terminal.loading_view import show_loading, stage_text
from bot.terminal.session import Session
from bot.terminal.wording import (
    HELP_LINES,
    LEAVE_HINT,
    RESET_DONE,
    WELCOME,
    WITHOUT_DISCORD,
    leftover_line,
    model_line,
    rated_line,
)
from bot.text import clean_text
from bot.worker.status import WorkerPhase
from data.errors import StoreError


class TerminalFrontEnd:
    """Talks to the person at the terminal until `/quit` or Ctrl-D."""

    code_when_stopped = 0
    leave_s = 5.0

    def __init__(
        self,
        services: Services,
        session: Session,
        console: Console | None = None,
        editor: LineEditor | None = None,
    ) -> None:
        self._services = services
        self._session = session
        self._console = console or Console(highlight=False)
        home = services.settings.fungpt_home
        self._editor = editor or LineEditor(home / HISTORY)
        self._running: Sequence[Ticket] = ()
        self._starting: asyncio.Task[object] | None = None

    async def run(self) -> int:
        """Greet, show the worker's start, then do what each line says; return the exit code."""
        with quiet_keys():
            return await self._talk()

    def interrupt(self) -> None:
        """Ctrl-C: stop the running answers; while the worker starts: leave."""
        if self._starting is not None:
            self._starting.cancel()
        for ticket in self._running:
            ticket.stop()

    async def _talk(self) -> int:
        self._starting = asyncio.current_task()
        self._print(WITHOUT_DISCORD)
        await show_loading(self._services.board, self._console)
        self._starting = None
        await self._guarded(self._welcome())
        while (line := await self._read()) is not None:
            parsed = parse(line)
            if isinstance(parsed, Quit):
                break
            if isinstance(parsed, Misunderstood):
                self._print(parsed.message, "yellow")
            elif line.strip():
                await self._guarded(self._do(parsed))
        return 0

    async def _welcome(self) -> None:
        if self._services.board.current.phase is not WorkerPhase.READY:
            return
        known = await self._session.known()
        self._editor.variants = known
        self._print(f"{model_line(await self._session.active(), known)} {WELCOME}", "dim")
        leftovers = self._services.leftovers
        if leftovers:
            self._print(leftover_line(len(leftovers)), "yellow")
        for ticket in leftovers:
            self._print(f"> {ticket.request.prompt}", "bold")
            await self._answer([ticket])

    async def _read(self) -> str | None:
        """Wait for the next line; None when the person leaves."""
        while True:
            prompt = FormattedText([("bold", await self._prompt()), ("", "> ")])
            try:
                return await self._editor.read(prompt)
            except Interrupted:
                self._print(LEAVE_HINT, "dim")
            except EOFError:
                return None

    async def _prompt(self) -> str:
        with contextlib.suppress(UserError, StoreError):
            return clean_text(await self._session.active())
        return ""

    async def _guarded(self, doing: Coroutine[None, None, None]) -> None:
        """Do one thing for the person and say in a line what went wrong."""
        try:
            await doing
        except (UserError, StoreError) as error:
            self._print(str(error), "yellow")

    async def _do(self, command: Command) -> None:
        session = self._session
        match command:
            case Say() | AskBoth() | GoOn():
                await self._answer(await session.begin(command))
            case ChooseModel(name):
                await session.choose(name)
                await self._show_model()
            case ShowModel():
                await self._show_model()
            case RateAnswer():
                self._print(rated_line(await session.rate(command)))
            case ShowStats():
                self._show_stats(await session.stats())
            case Reset():
                await session.reset()
                self._print(RESET_DONE)
            case ShowHelp():
                self._print("\n".join(HELP_LINES))
            case Quit():
                return

    async def _answer(self, tickets: Sequence[Ticket]) -> None:
        self._running = tickets
        panes = [Pane(ticket) for ticket in tickets]
        try:
            await show_answers(self._console, panes, self._why_waiting)
        finally:
            self._running = ()
        outcomes = [ticket.outcome for ticket in tickets]
        self._session.saw(one.answer for one in outcomes if isinstance(one, Finished))
        self._console.print()

    def _why_waiting(self) -> str:
        status = self._services.board.current
        if status.phase is WorkerPhase.READY:
            return ""
        done = "" if status.progress is None else f" {status.progress:.0%}"
        return f"waiting for the worker: {stage_text(status)}{done}"

    async def _show_model(self) -> None:
        known = await self._session.known()
        self._editor.variants = known
        self._print(model_line(await self._session.active(), known))

    def _show_stats(self, all_figures: list[Figures]) -> None:
        if not all_figures:
            self._print(NOTHING)
            return
        table = Table(box=None, pad_edge=False)
        for heading in HEADINGS:
            table.add_column(heading, justify="left" if heading == HEADINGS[0] else "right")
        for one in all_figures:
            table.add_row(*(Text(clean_text(cell)) for cell in cells(one)))
        self._console.print(table)
        self._print(verdict_line(all_figures), "dim")

    def _print(self, text: str, style: str = "") -> None:
        self._console.print(Text(clean_text(text), style=style))
