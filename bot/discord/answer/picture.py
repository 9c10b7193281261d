"""What a request's messages show at one moment. Pure."""

from dataclasses import dataclass, field

from bot.chat.events import Ended, Finished
from bot.discord import phrases
from bot.discord.answer.button_row import ButtonRow, finished_row, running_row
from bot.discord.answer.splitting import MESSAGE_UNITS, split, units
from data.records import RequestState


@dataclass(frozen=True, slots=True)
class Picture:
    """The contents of the messages in order, and the buttons under the last."""

    contents: tuple[str, ...] = ()
    row: ButtonRow | None = None


@dataclass(slots=True)
class RequestProgress:
    """What has happened to a request so far.

    `text` is what the model has written, `note` says why there is none yet, `outcome` is how the
    request ended. `notices` are remarks on the question, such as a file that was left out.
    """

    request_id: int
    text: str = ""
    note: str | None = None
    outcome: Finished | Ended | None = None
    notices: tuple[str, ...] = field(default=())


def picture(progress: RequestProgress) -> Picture:
    """What to show for this progress; an empty Picture while there is nothing to say."""
    match progress.outcome:
        case Finished(answer, request):
            stopped = request.state is RequestState.STOPPED
            small = [phrases.small(notice) for notice in progress.notices]
            small.append(phrases.footer(answer, stopped=stopped))
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


def _unfinished(progress: RequestProgress) -> Picture:
    contents = _visible(progress.text)
    if not contents and progress.note is not None:
        contents = (progress.note,)
    return Picture(contents, running_row(progress.request_id)) if contents else Picture()


def _visible(text: str, limit: int = MESSAGE_UNITS) -> tuple[str, ...]:
    """The text's messages without those that Discord would refuse as empty."""
    return tuple(chunk.content for chunk in split(text, limit) if chunk.content.strip())


def _with_footer(text: str, footer: str) -> tuple[str, ...]:
    """The messages of a text that is not blank; the last ends with the footer's own line."""
    *contents, last = _visible(text)
    ending = f"\n{footer}"
    last = last.rstrip()
    if units(last + ending) <= MESSAGE_UNITS:
        return (*contents, last + ending)
    *more, last = _visible(last, MESSAGE_UNITS - units(ending))
    return (*contents, *more, last.rstrip() + ending)
