"""A front end in the test's own process: real chat and store, fake worker, a board to write on."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.chat.ticket import Ticket
from bot.front_end import Services
from bot.terminal.session import Place, Session
from bot.worker.status import StatusBoard, WorkerPhase, WorkerStatus
from tests.bot.rig import Rig, make_settings, rig

PLACE = Place("test", "here", "ann", "Ann")


@dataclass(frozen=True)
class Stage:
    rig: Rig
    board: StatusBoard
    session: Session
    home: Path

    def services(self, leftovers: Sequence[Ticket] = ()) -> Services:
        settings = make_settings(fungpt_home=self.home)
        return Services(self.rig.chat, self.rig.store, self.board, settings, tuple(leftovers))


@asynccontextmanager
async def stage(home: Path, **options: Any) -> AsyncIterator[Stage]:
    board = StatusBoard()
    board.show(WorkerStatus(WorkerPhase.READY, "ready", 1.0))
    async with rig(home / "test.db", **options) as running:
        session = Session(running.chat, running.store, PLACE)
        yield Stage(running, board, session, home)
