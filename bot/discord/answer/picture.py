"""What a request's messages show at a moment. Pure."""

from dataclasses import dataclass, field

from bot.chat.events import Ended, Finished
from bot.discord import phrases
from bot.discord.answer.button_row import Row, finished_row, running_row
from bot.discord.answer.splitting import MESSAGE_UNITS, split, units
from data.records import RequestState


@dataclass(frozen=True, slots=True)
class Picture:
    """The contents of the messages in order, and the buttons under the last."""

    contents: tuple[str, ...] = ()
    row: Row | None = None


@dataclass(slots=True)
class Progress:
    """What has happened to a request: `note` says why there is no text yet.

    `notices` are remarks on the question, such as a file that was left out.
    """

    request_id: int
    text: str = ""
    note: str | None = None
    outcome: Finished | Ended | None = None
    notices: tuple[str, ...] = field(default=())


def picture(progress: Progress) -> Picture:
    """How it looks; nothing at all as long as there is nothing to say."""
    match progress.outcome:
        case Finished(answer, request):
            stopped = request.state is RequestState.STOPPED
            small = [phrases.small(notice) for notice in progress.notices]
            if foot := phrases.footer(answer, stopped=stopped):
                small.append(foot)
            text = answer.text if answer.text.strip() else phrases.EMPTY_ANSWER
            return Picture(_with_footer(text, "\n".join(small)), finished_row(request.id))
        case Ended(RequestState.WAITING, message):
            return Picture((phrases.parked(message),))
        case Ended(RequestState.STOPPED, message):
            return Picture((phrases.small(message),))
        case Ended(_, message):
            return Picture((phrases.failed(message),))
        case None:
            return _unfinished(progress)


def _unfinished(progress: Progress) -> Picture:
    contents = _visible(progress.text)
    if not contents and progress.note is not None:
        contents = (progress.note,)
    return Picture(contents, running_row(progress.request_id)) if contents else Picture()


def _visible(text: str, limit: int = MESSAGE_UNITS) -> tuple[str, ...]:
    """The text's messages without those that Discord would call empty."""
    return tuple(piece.content for piece in split(text, limit) if piece.content.strip())


def _with_footer(text: str, footer: str) -> tuple[str, ...]:
    """The text's messages, the footer on a line of its own at the end of the last."""
    contents = _visible(text)
    if not footer or not contents:
        return contents
    ending = f"\n{footer}"
    last = contents[-1].rstrip()
    if units(last + ending) <= MESSAGE_UNITS:
        return (*contents[:-1], last + ending)
    *more, last = _visible(last, MESSAGE_UNITS - units(ending))
    return (*contents[:-1], *more, last.rstrip() + ending)
