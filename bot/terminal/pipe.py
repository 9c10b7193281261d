"""The front end for a pipe: a prompt a line in, plain answers out, notices on standard error."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence

from rich.console import Console

from bot.chat.events import Ended, Finished, Restarted, Thinking, Written
from bot.chat.ticket import Ticket
from bot.errors import UserError
from bot.front_end import Services
from bot.ratings.stats_lines import stats_lines
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
from bot.terminal.loading_view import show_loading
from bot.terminal.session import Session
from bot.terminal.wording import (
    HELP_LINES,
    NOT_KEPT_YET,
    answer_text,
    both_heading,
    leftover_line,
    model_line,
    rated_line,
)
from bot.text import clean_text
from data.errors import StoreError
from data.records import Answer, NewAnswer, RequestState

LINE_BYTES = 1024 * 1024
CHUNK_BYTES = 65536


class PlainFrontEnd:
    """Reads the file `descriptor` to its end and answers its lines in order, one at a time.

    All lines are one conversation. The exit code is 1 when a line got no whole answer.
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
        """Answer what an earlier run left, then every line; return the exit code."""
        self._task = asyncio.current_task()
        await show_loading(self._services.board, Console(stderr=True, highlight=False))
        await self._answer_leftovers(self._services.leftovers)
        async for line in read_lines(self._descriptor, LINE_BYTES):
            if line.strip() and not await self._obey(line):
                break
        return 1 if self._failed else 0

    def interrupt(self) -> None:
        """Ctrl-C: stop the running answer and leave."""
        for ticket in self._running:
            ticket.stop()
        if self._task is not None:
            self._task.cancel()

    async def _obey(self, line: str) -> bool:
        """Do what the line asks for; false when it asks to leave."""
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
            case Say() | AskBoth() | GoOn():
                tickets = await session.begin(command)
                await self._answer(tickets, headed=len(tickets) > 1)
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
        outcomes = [await self._outcome(ticket) for ticket in tickets]
        self._running = []
        for answer in (one for one in outcomes if one is not None):
            text = clean_text(answer.text)
            _say(f"{both_heading(answer)}\n{text}" if headed else text)
        self._session.saw(one for one in outcomes if isinstance(one, Answer))

    async def _answer_leftovers(self, tickets: Sequence[Ticket]) -> None:
        if not tickets:
            return
        _notice(leftover_line(len(tickets)))
        for ticket in tickets:
            _notice(f"> {clean_text(ticket.request.prompt)}")
            if answer := await self._outcome(ticket):
                _notice(clean_text(answer.text))

    async def _outcome(self, ticket: Ticket) -> NewAnswer | None:
        """The whole answer, or what was stopped, also where it could not be stored; else None."""
        thought = False
        async for event in ticket.events():
            match event:
                case Restarted(reason):
                    _notice(reason)
                case Thinking():
                    thought = True
                case Written():
                    _notice(NOT_KEPT_YET)
                case _:
                    pass
        outcome = ticket.outcome
        match outcome:
            case Finished(answer, request):
                self._failed |= request.state is RequestState.STOPPED
                if not answer.text:
                    _notice(answer_text(answer, thought=thought))
                return answer
            case Ended(_, message, NewAnswer() as answer):
                _notice(message)  # it is there, though it is not kept
                self._failed |= ticket.stopping
                return answer
            case Ended(_, message):
                self._fail(message)
            case None:
                self._fail("No answer came.")
        return None

    def _fail(self, message: str) -> None:
        self._failed = True
        _notice(message)


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)  # noqa: T201 - this is the program's output


def _notice(line: str) -> None:
    print(clean_text(line), file=sys.stderr, flush=True)  # noqa: T201


async def read_lines(descriptor: int, limit: int) -> AsyncIterator[str]:
    """Yield each line without its end until the input ends, read without a thread.

    Text is UTF-8; what is not becomes replacement characters. Of a line longer than `limit` bytes
    come the first `limit + 1`, so that memory is bounded and the reader sees that it is too long.
    """
    held = b""
    while chunk := await _chunk(descriptor):
        *lines, held = (held + chunk).split(b"\n")
        for line in lines:
            yield _text(line, limit)
        held = held[: limit + 1]
    if held:
        yield _text(held, limit)


def _text(line: bytes, limit: int) -> str:
    return line[: limit + 1].removesuffix(b"\r").decode("utf-8", "replace")


async def _chunk(descriptor: int) -> bytes:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    try:
        loop.add_reader(descriptor, readable.set)
    except PermissionError:  # a plain file can always be read at once
        return os.read(descriptor, CHUNK_BYTES)
    try:
        await readable.wait()
        return os.read(descriptor, CHUNK_BYTES)
    finally:
        loop.remove_reader(descriptor)
