"""One answer on its way to the screen: what its events say, ready to be drawn. Pure."""

from bot.chat.events import Delta, Ended, Event, Finished, Queued, Restarted, Started
from bot.chat.ticket import Ticket
from bot.terminal.wording import footer_line, queued_line
from bot.text import clean_text
from data.records import RequestState


class Pane:
    """`text` is the answer so far, `note` why nothing comes yet, `footer` what is said under it.

    Everything in it is free of control characters.
    """

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self.text = ""
        self.note = "thinking"
        self.footer = ""
        self.failed = False

    @property
    def title(self) -> str:
        """The variant."""
        return clean_text(self.ticket.request.variant)

    @property
    def waits(self) -> bool:
        """Whether there is nothing to read yet."""
        return not self.text and not self.ended

    @property
    def ended(self) -> bool:
        """Whether the last event has come."""
        return bool(self.footer)

    def take(self, event: Event) -> None:
        """Follow one event."""
        match event:
            case Queued(_, position, estimate_s):
                self.note = queued_line(position, estimate_s)
            case Started():
                self.note = "thinking"
            case Delta(text):
                self.text += clean_text(text)
            case Restarted(reason):
                self.text, self.note = "", clean_text(reason)
            case Finished(answer, request):
                self.text = clean_text(answer.text)
                self.footer = clean_text(footer_line(answer, request))
            case Ended(state, message):
                self.footer = clean_text(message)
                self.failed = state is not RequestState.STOPPED
