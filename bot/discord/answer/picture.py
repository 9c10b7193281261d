"""What a request's messages show at one moment. Pure."""

from dataclasses import dataclass, field, replace

from bot.chat.events import Ended, Finished, Written
from bot.discord import phrases
from bot.discord.answer.button_row import ButtonRow, finished_row, running_row
from bot.discord.answer.splitting import MESSAGE_UNITS, split, units
from bot.text import has_substance, is_visible
from data.records import NewAnswer, RequestState


@dataclass(frozen=True, slots=True)
class Picture:
    """The contents of the messages in order, and the buttons under the last."""

    contents: tuple[str, ...] = ()
    row: ButtonRow | None = None


@dataclass(slots=True)
class RequestProgress:
    """What has happened to a request so far.

    `text` is what the model has written, `note` says why there is none yet, `outcome` is how the
    request ended, or how it ended but for the store. `earlier` is the longest text of attempts
    that broke off: it stays in sight until there is more. `thought` says that the model thought.
    `notices` are remarks on the question, such as a file that was left out. `goes_on_from` is the
    text that this answer goes on with, as its reader has it before the eyes.
    """

    request_id: int
    text: str = ""
    earlier: str = ""
    note: str | None = None
    thought: bool = False
    outcome: Finished | Written | Ended | None = None
    notices: tuple[str, ...] = field(default=())
    goes_on_from: str = ""


def picture(progress: RequestProgress) -> Picture:
    """What to show for this progress; an empty Picture while there is nothing to say."""
    match progress.outcome:
        case Finished(answer, request):
            return _answered(progress, answer, stopped=request.state is RequestState.STOPPED)
        case Written(answer, state):
            return _answered(progress, answer, stopped=state is RequestState.STOPPED)
        case Ended(_, message, NewAnswer() as answer):
            notices = (*progress.notices, f"{phrases.FAILED_SIGN}{message}")
            stopped = answer.finish_reason == "abort"
            return _answered(replace(progress, notices=notices), answer, stopped=stopped)
        case Ended(RequestState.WAITING, message):
            return Picture((phrases.parked(message),))  # it is written anew, in this place
        case Ended(RequestState.STOPPED, message):
            return _ended(progress, phrases.small(message))
        case Ended(_, message):
            return _ended(progress, phrases.failed(message))
        case None:
            return _unfinished(progress)


def with_line(contents: tuple[str, ...], line: str) -> tuple[str, ...]:
    """The same messages with a further line under the last, which is shortened if need be. Pure."""
    ending = f"\n{line}"
    *others, last = contents
    room = MESSAGE_UNITS - units(ending)
    chunks = _visible(last.rstrip(), room)
    return (*others, (chunks[0].rstrip() if chunks else "") + ending)


def _answered(progress: RequestProgress, answer: NewAnswer, *, stopped: bool) -> Picture:
    is_cut = answer.finish_reason == phrases.LENGTH and not stopped
    small = [phrases.small(notice) for notice in progress.notices]
    small.append(phrases.footer(answer, stopped=stopped))
    text, before = answer.text, progress.goes_on_from
    if not has_substance(text):
        text, before = phrases.EMPTY_ANSWER, ""
        if progress.thought:
            text = phrases.THOUGHT_TOO_LONG if is_cut else phrases.ONLY_THOUGHTS
        is_cut = False
    row = finished_row(progress.request_id, is_cut=is_cut)
    return Picture(_with_footer(text, "\n".join(small), before), row)


def _ended(progress: RequestProgress, line: str) -> Picture:
    """An end without an answer: what was read so far stays, with the reason under it."""
    text = max(progress.text, progress.earlier, key=len)
    if not has_substance(text):
        return Picture((line,))
    return Picture(_with_footer(text, line, progress.goes_on_from))


def _unfinished(progress: RequestProgress) -> Picture:
    text, note = progress.text, progress.note
    contents: tuple[str, ...] = ()
    if len(text) < len(progress.earlier):
        contents = _with_footer(progress.earlier, note or phrases.WRITING, progress.goes_on_from)
    elif has_substance(text):
        contents = _visible(text, before=progress.goes_on_from)
    elif note is not None:
        contents = (note,)
    return Picture(contents, running_row(progress.request_id)) if contents else Picture()


def _visible(text: str, limit: int = MESSAGE_UNITS, before: str = "") -> tuple[str, ...]:
    """The text's messages without those in which nothing could be seen."""
    chunks = split(text, limit, before)
    return tuple(chunk.content for chunk in chunks if is_visible(chunk.body))


def _with_footer(text: str, footer: str, before: str = "") -> tuple[str, ...]:
    """The messages of a text that is not blank; the last ends with the footer's own line."""
    *contents, last = _visible(text, before=before)
    ending = f"\n{footer}"
    last = last.rstrip()
    if units(last + ending) <= MESSAGE_UNITS:
        return (*contents, last + ending)
    *more, last = _visible(last, MESSAGE_UNITS - units(ending))
    return (*contents, *more, last.rstrip() + ending)
