"""The front end for a pipe: a prompt a line in, plain answers out, notices on standard error."""

import asyncio
import sys
from collections.abc import Sequence

from rich.console import Console

from bot.chat.events import Finished, Restarted
from bot.chat.ticket import Ticket
from bot.errors import UserError
from bot.front_end import Services
from bot.ratings.stats_lines import stats_lines
from bot.terminal.commands import (
    AskBoth,
    ChooseModel,
    Command,
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
from bot.terminal.loading_view import show_loading
from bot.terminal.session import Session
from bot.terminal.standard_input import read_lines
from bot.terminal.wording import HELP_LINES, both_heading, leftover_line, model_line, rated_line
from bot.text import clean_text
from data.errors import StoreError
from data.records import RequestState

LINE_BYTES = 1024 * 1024


class PlainFrontEnd:
    """Reads `descriptor` to its end and answers in order, one prompt after the other.

    A prompt builds on the ones before it. The exit code is 1 when any line came to nothing.
    """

    code_when_stopped = 1  # prompts may have been left unanswered
    leave_s = 5.0

    def __init__(self, services: Services, session: Session, descriptor: int = 0) -> None:
        self._services = services
        self._session = session
        self._descriptor = descriptor
        self._failed = False
        self._running: list[Ticket] = []
        self._task: asyncio.Task[object] | None = None

    async def run(self) -> int:
        """Answer what was left over, then every line of the input."""
        self._task = asyncio.current_task()
        await show_loading(self._services.board, Console(stderr=True, highlight=False))
        await self._answer_leftovers(self._services.leftovers)
        async for line in read_lines(self._descriptor, LINE_BYTES):
            if line.strip() and not await self._obey(line):
                break
        return 1 if self._failed else 0

    def interrupt(self) -> None:
        """Stop the running answer for good and leave."""
        for ticket in self._running:
            ticket.stop()
        if self._task is not None:
            self._task.cancel()

    async def _obey(self, line: str) -> bool:
        """Do what one line asks; false when it asks to leave."""
        parsed = parse(line)
        if isinstance(parsed, Quit):
            return False
        if isinstance(parsed, Misunderstood):
            self._fail(parsed.message)
            return True
        try:
            await self._do(parsed)
        except (UserError, StoreError) as error:
            self._fail(str(error))
        return True

    async def _do(self, command: Command) -> None:
        session = self._session
        match command:
            case Say(text):
                await self._answer([await session.say(text)], headed=False)
            case AskBoth(prompt):
                await self._answer(await session.ask_both(prompt), headed=True)
            case ChooseModel(name):
                await session.choose(name)
                _notice(model_line(await session.active(), await session.known()))
            case ShowModel():
                _say(model_line(await session.active(), await session.known()))
            case RateAnswer():
                _notice(rated_line(await session.rate(command)))
            case ShowStats():
                _say(*stats_lines(await session.stats()))
            case Reset():
                await session.reset()
            case ShowHelp():
                _say(*HELP_LINES)
            case Quit():
                return

    async def _answer(self, tickets: Sequence[Ticket], *, headed: bool) -> None:
        self._running = list(tickets)
        answers = [answer for ticket in tickets if (answer := await self._outcome(ticket))]
        self._running = []
        for finished in answers:
            text = clean_text(finished.answer.text)
            _say(f"{both_heading(finished.answer)}\n{text}" if headed else text)
        self._session.saw(finished.answer for finished in answers)

    async def _answer_leftovers(self, tickets: Sequence[Ticket]) -> None:
        if not tickets:
            return
        _notice(leftover_line(len(tickets)))
        for ticket in tickets:
            _notice(f"> {clean_text(ticket.request.prompt)}")
            if finished := await self._outcome(ticket):
                _notice(clean_text(finished.answer.text))

    async def _outcome(self, ticket: Ticket) -> Finished | None:
        async for event in ticket.events():
            if isinstance(event, Restarted):
                _notice(event.reason)
        outcome = ticket.outcome
        if isinstance(outcome, Finished):
            self._failed |= outcome.request.state is RequestState.STOPPED
            return outcome
        self._fail(outcome.message if outcome else "No answer came.")
        return None

    def _fail(self, message: str) -> None:
        self._failed = True
        _notice(message)


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)  # noqa: T201 - this is the program's output


def _notice(line: str) -> None:
    print(clean_text(line), file=sys.stderr, flush=True)  # noqa: T201
