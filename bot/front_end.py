"""What a front end is given, and what it must offer."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bot.chat.chat import Chat
from bot.chat.ticket import Ticket
from bot.config.settings import BotSettings
from bot.worker.status import StatusBoard
from data.files.export_manifest import LOCAL_ORIGINS
from data.store.store import Store


class FrontEndName(StrEnum):
    """The front ends, as stored requests name them."""

    TERMINAL = "terminal"
    PIPE = "pipe"
    DISCORD = "discord"


LOCAL_FRONT_ENDS = tuple(map(FrontEndName, LOCAL_ORIGINS))  # those of this machine


@dataclass(frozen=True, slots=True)
class Services:
    """The running parts that a front end talks to.

    `leftovers` are the requests of its people that an earlier run left unanswered.
    """

    chat: Chat
    store: Store
    board: StatusBoard
    settings: BotSettings
    leftovers: tuple[Ticket, ...] = ()


class FrontEnd(Protocol):
    """A way to talk to people.

    Cancelling `run` makes it leave, for which it has `leave_s` seconds; the program's exit code
    is `code_when_stopped` then.
    """

    code_when_stopped: int
    leave_s: float

    async def run(self) -> int:
        """Serve until the people leave; return the program's exit code."""
        ...

    def interrupt(self) -> None:
        """Do what Ctrl-C (SIGINT) means here, and return at once."""
        ...
