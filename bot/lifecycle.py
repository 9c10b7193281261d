"""The program's life: one bot for each home, running until it is told or has to end."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Generator
from pathlib import Path

from bot.config.streams import complain
from bot.errors import AlreadyRunning, BotError
from bot.front_end import FrontEnd, Services
from bot.worker.status import StatusBoard, WorkerStatus
from data.files.file_lock import hold_lock

OK, FAILURE, CONFIGURATION = 0, 1, 2
STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def only_instance(path: Path) -> Generator[None, None, None]:
    """Hold the lock file `path` inside the block, with our process id in it.

    Two bots on one database would both answer what a killed run left. The system releases the
    lock however this process ends. Raises AlreadyRunning when another process holds it, OSError
    when the file cannot be written.
    """
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(hold_lock(path))
        except TimeoutError as error:
            holder = path.read_text(encoding="utf-8", errors="replace")[:20].strip()
            raise AlreadyRunning(holder, path.parent) from error
        path.write_text(f"{os.getpid()}\n", encoding="utf-8")
        yield


async def until_end(front_end: FrontEnd, services: Services) -> int:
    """Run the chat and the front end until people leave, a signal comes or the worker is lost.

    Returns the program's exit code. What is unanswered then stays in the store for the next
    start. Raises what the front end or the chat raised, BotError when the chat just ended.
    """
    stop = _signals(front_end)
    people = asyncio.create_task(front_end.run(), name="front end")
    chat = asyncio.create_task(services.chat.run(), name="chat")
    lost = asyncio.create_task(_lost(services.board), name="worker lost")
    stopped = asyncio.create_task(stop.wait(), name="stop signal")
    tasks = (people, chat, lost, stopped)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        chat_ended = chat.done()  # a front end that leaves may end it, too
        people.cancel()
        await asyncio.wait((people,), timeout=front_end.leave_s)
        if lost.done():
            return _worker_lost(lost.result())
        if chat_ended:
            chat.result()
            raise BotError("The chat ended by itself.")
        return front_end.code_when_stopped if people.cancelled() else people.result()
    finally:
        await services.chat.aclose(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _signals(front_end: FrontEnd) -> asyncio.Event:
    """Hand Ctrl-C to the front end; the event is set when another signal asks us to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGINT, front_end.interrupt)
    return stop


async def _lost(board: StatusBoard) -> WorkerStatus:
    async for status in board.follow():
        if status.phase.is_final:
            return status
    raise AssertionError("a board is followed to its final status")


def _worker_lost(status: WorkerStatus) -> int:
    line = status.error or "The worker has been stopped."
    return complain(line, CONFIGURATION if status.configuration else FAILURE)
