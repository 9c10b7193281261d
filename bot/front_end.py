"""What a front end is given, and what it must offer."""

from dataclasses import dataclass
from typing import Protocol

from bot.chat.chat import Chat
from bot.chat.ticket import Ticket
from bot.config.settings import BotSettings
from bot.worker.status import StatusBoard
from data.store.store import Store

# The front ends, as settings, stored rows and logs name them.
TERMINAL = "terminal"
PIPE = "pipe"
HERE = (TERMINAL, PIPE)  # those of this machine
DISCORD = "discord"


@dataclass(frozen=True, slots=True)
class Services:
    """The running parts that a front end talks to; `leftovers` is what an earlier run left."""

    chat: Chat
    store: Store
    board: StatusBoard
    settings: BotSettings
    leftovers: tuple[Ticket, ...] = ()


class FrontEnd(Protocol):
    """A way to talk to people. Cancelling `run` makes it leave, which may take `leave_s` seconds.

    The exit code is given then by `code_when_stopped`.
    """

    code_when_stopped: int
    leave_s: float

    async def run(self) -> int:
        """Serve until the people leave; returns the program's exit code."""
        ...

    def interrupt(self) -> None:
        """SIGINT came. Returns at once."""
        ...
