"""What the messages of a request say about its end: for a start that finds no end stored. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import regex

from bot.discord import phrases
from bot.discord.answer.button_row import STOP, pressed_button
from data.records import AnsweredState, RequestState, UnansweredState

_REOPENED = regex.compile(r"\n?```\x00```[\w+#.-]{0,20}\n")
_NOTES = (phrases.EMPTY_ANSWER, phrases.ONLY_THOUGHTS, phrases.THOUGHT_TOO_LONG)


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message of the bot: its content, and the custom ids of its buttons."""

    content: str
    buttons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerShown:
    """People have a complete answer before their eyes, or one that was stopped."""

    text: str
    variant: str
    state: AnsweredState
    finish_reason: str


@dataclass(frozen=True, slots=True)
class EndShown:
    """People were told that there is no answer, and why."""

    state: UnansweredState
    message: str


def end_shown(request_id: int, messages: Sequence[ShownMessage]) -> AnswerShown | EndShown | None:
    """How the request ended for whoever reads its messages; None where it did not end.

    An answer that is being written has the button Stop, a complete one has others.
    """
    if not messages:
        return None
    last = messages[-1]
    pressed = [button for one in last.buttons if (button := pressed_button(one)) is not None]
    kinds = {kind for kind, number in pressed if number == request_id}
    if STOP in kinds:
        return None
    if last.buttons:
        return _answer(messages) if kinds else None
    return _end(last.content)


def _answer(messages: Sequence[ShownMessage]) -> AnswerShown | None:
    *others, last = (message.content for message in messages)
    lines = last.split("\n")
    small: list[str] = []
    while lines and lines[-1].startswith(phrases.SMALL):
        small.insert(0, lines.pop().removeprefix(phrases.SMALL))
    if not small:
        return None
    variant, *remarks = small[-1].split(" · ")
    text = _REOPENED.sub("\n", "\x00".join([*others, "\n".join(lines)])).replace("\x00", "\n")
    state, reason = RequestState.FINISHED, "stop"
    if phrases.STOPPED in remarks:
        state, reason = RequestState.STOPPED, "abort"
    elif phrases.CUT in remarks:
        reason = phrases.LENGTH
    return AnswerShown("" if text in _NOTES else text, variant, state, reason)


def _end(content: str) -> EndShown | None:
    """What a message without buttons tells, in its last line."""
    line = content.rpartition("\n")[2]
    if line.startswith(phrases.FAILED_SIGN):
        return EndShown(RequestState.FAILED, line.removeprefix(phrases.FAILED_SIGN))
    if line.startswith(f"{phrases.SMALL}{phrases.PARKED_SIGN}"):
        return None
    if line.startswith(phrases.SMALL):
        return EndShown(RequestState.STOPPED, line.removeprefix(phrases.SMALL))
    return None
