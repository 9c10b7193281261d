"""Builds the turns that the model is asked with, and shortens them. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from bot.chat.people import Person, labels_of, spoken
from bot.text import clean_name
from data.records import Answer, Request, Said, Turn, merge_turns

_WORTH_READING = 200  # characters of a line that does not fit


@dataclass(frozen=True, slots=True)
class Utterance:
    """What somebody said; `speaker` is a person's name, None for the bot itself.

    `person` is the speaker's id; without one the name has to do. For what the bot said, it is the
    id of the person whom it answered, who is the last speaker where it is None. A text may hold
    mentions (see `people.mention`) of people in `mentioned`.
    """

    speaker: str | None
    text: str
    person: str | None = None
    mentioned: tuple[Person, ...] = ()


_GO_ON = "Go on exactly where you stopped, in the middle of a word if need be. Repeat nothing."


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that the model gets of a conversation: the prompt counts, the persona does not."""

    max_chars: int
    max_turns: int


def lines_of(history: Iterable[tuple[Request, Answer]]) -> list[Utterance]:
    """The utterances of a stored conversation, in its order.

    A continuation belongs to the answer before it, where that is the one that it goes on with.
    """
    lines: list[Utterance] = []
    for request, answer in history:
        before = request.turns[-1].content if is_continuation(request.turns) else None
        if before is not None and lines and before.endswith(lines[-1].text):
            lines[-1] = replace(lines[-1], text=lines[-1].text + answer.text)
        else:
            lines.append(Utterance(request.user_name, request.prompt, request.user_id))
            lines.append(Utterance(None, (before or "") + answer.text, request.user_id))
    return lines


def is_continuation(turns: Sequence[Turn]) -> bool:
    """Whether the model is to go on with its own last turn instead of answering."""
    return bool(turns) and turns[-1].role == "assistant"


def going_on(request: Request, answer: Answer) -> tuple[Turn, ...]:
    """The turns that let the model go on with an answer that was cut off."""
    *before, last = request.turns
    if last.role != "assistant":  # whom it answers is whose the prompt is
        said = tuple(Said(part.user_id, answer.text) for part in last.said[-1:])
        return (*request.turns, Turn("assistant", answer.text, said))
    said = tuple(Said(part.user_id, part.text + answer.text) for part in last.said[-1:])
    return (*before, Turn("assistant", last.content + answer.text, (*last.said[:-1], *said)))


def in_words(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The turns of a continuation for a worker that only answers a user."""
    return (*turns, Turn("user", _GO_ON))


def labelled(lines: Sequence[Utterance], reserved: Collection[str] = ()) -> list[Utterance]:
    """The lines with each person's label as speaker, and in place of the mentions of them.

    A person has one label in all lines, whatever name each line came with, and no other person
    has it; nor is it one of `reserved`, such as the bot's own name. Who speaks goes before who is
    only mentioned, so that a name from a mention never replaces the one that somebody speaks with.
    """
    mentioned = [person for line in lines for person in line.mentioned]
    speakers = [Person(_id_of(line), line.speaker) for line in lines if line.speaker is not None]
    labels = labels_of([*mentioned, *speakers], reserved)
    return [
        replace(
            line,
            speaker=None if line.speaker is None else labels[_id_of(line)],
            text=spoken(line.text, labels),
            mentioned=(),
        )
        for line in lines
    ]


def build_turns(
    lines: Sequence[Utterance], persona: str | None, budget: Budget
) -> tuple[Turn, ...]:
    """The turns for `lines`, of which the last is the prompt.

    After an optional system turn, user and assistant alternate, beginning and ending with user:
    neighbouring turns of one role are merged. Where several people speak, each line begins with
    its speaker's name, and what somebody writes cannot look like the beginning of another's line.
    What exceeds the budget goes from the oldest end; the prompt stays. The lines' speakers are
    distinct, see `labelled`. Each turn knows which part of it is whose.
    """
    people = {clean_name(line.speaker) for line in lines if line.speaker is not None}
    named = people if len(people) > 1 else set[str]()
    turns = merge_turns(_newest(list(_marked(lines, named)), budget.max_chars))
    return with_persona(cut(turns, budget), persona)


def asked_again(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """Stored turns made fit for the model: what was forgotten of them may have left gaps."""
    system = tuple(turn for turn in turns if turn.role == "system")
    spoken = merge_turns(turn for turn in turns if turn.role != "system")
    first = next((index for index, turn in enumerate(spoken) if turn.role == "user"), len(spoken))
    return system + spoken[first:]


def _newest(said: Sequence[Turn], room: int) -> list[Turn]:
    """The last lines, as many as `room` characters hold; the last one in any case.

    The first of them keeps its beginning where that is worth reading: a long message that was
    pointed at is better read in part than not at all.
    """
    kept: list[Turn] = []
    for one in reversed(said):
        if kept and len(one.content) > room:
            if one.role == "user" and room >= _WORTH_READING:
                begun = one.content[: room - 2] + " …"
                kept.append(Turn(one.role, begun, (replace(one.said[0], text=begun),)))
            break
        kept.append(one)
        room -= len(one.content) + 1
    return kept[::-1]


def cut(turns: Sequence[Turn], budget: Budget) -> tuple[Turn, ...]:
    """The newest turns that fit the budget, from a user turn on; the last turn in any case."""
    chars = 0
    start = len(turns)
    for index in range(len(turns) - 1, -1, -1):
        chars += len(turns[index].content)
        if start < len(turns) and (
            chars > budget.max_chars or len(turns) - index > budget.max_turns
        ):
            break
        start = index
    while start < len(turns) - 1 and turns[start].role != "user":
        start += 1
    return tuple(turns[start:])


def with_persona(turns: Sequence[Turn], persona: str | None) -> tuple[Turn, ...]:
    """The turns after a system turn with the persona, if there is one."""
    return (Turn("system", persona), *turns) if persona else tuple(turns)


def shrink(turns: Sequence[Turn]) -> tuple[Turn, ...] | None:
    """The turns without the older half of the exchanges before the prompt.

    None when there are no exchanges to leave out. The system turn stays. Half at a time goes, so
    that the worker is asked only a few times until the rest fits.
    """
    system = tuple(turn for turn in turns if turn.role == "system")
    spoken = tuple(turn for turn in turns if turn.role != "system")
    exchanges = (len(spoken) - 1) // 2 if spoken else 0
    if exchanges == 0:
        return None
    return system + spoken[2 * ((exchanges + 1) // 2) :]


def _marked(lines: Iterable[Utterance], named: Collection[str]) -> Iterator[Turn]:
    """A turn for each line, with the person whose it is."""
    asker: str | None = None
    for line in lines:
        content = _say(line, named)
        if line.speaker is None:
            yield Turn("assistant", content, (Said(line.person or asker, content),))
        else:
            asker = line.person
            yield Turn("user", content, (Said(asker, content),))


def _say(line: Utterance, named: Collection[str]) -> str:
    if line.speaker is None or not named or not line.text.strip():
        return line.text
    names = "|".join(re.escape(name) for name in named)
    text = re.sub(rf"(?im)^(?=(?:{names})[ \t]*[:\uff1a])", "  ", line.text)
    return f"{clean_name(line.speaker)}: {text.lstrip()}"


def _id_of(line: Utterance) -> str:
    """The speaker's id; a name that stands for one is no other person's id."""
    return line.person if line.person is not None else f"named {line.speaker}"
