"""Builds the turns that the model is asked with, and shortens them. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.text import clean_name
from data.records import Answer, Request, Said, Turn, merge_turns


@dataclass(frozen=True, slots=True)
class Utterance:
    """What somebody said; `speaker` is a person's name, None for the bot itself.

    `person` is the speaker's id, None where that is no person; for what the bot said, it is the id
    of the person whom it answered, who is the last speaker where it is None.
    """

    speaker: str | None
    text: str
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that the model gets of a conversation: the prompt counts, the persona does not."""

    max_chars: int
    max_turns: int


def lines_of(history: Iterable[tuple[Request, Answer]]) -> list[Utterance]:
    """The utterances of a stored conversation, in its order."""
    return [
        line
        for request, answer in history
        for line in (
            Utterance(request.user_name, request.prompt, request.user_id),
            Utterance(None, answer.text, request.user_id),
        )
    ]


def build_turns(
    lines: Sequence[Utterance], persona: str | None, budget: Budget
) -> tuple[Turn, ...]:
    """The turns for `lines`, of which the last is the prompt.

    After an optional system turn, user and assistant alternate, beginning and ending with user:
    neighbouring turns of one role are merged. Where several people speak, each line begins with
    its speaker's name. What exceeds the budget goes from the oldest end; the last turn stays.
    Each turn knows which part of it is whose.
    """
    people = {line.speaker for line in lines if line.speaker is not None}
    named = len(people) > 1
    turns = merge_turns(_marked(lines, named))
    return with_persona(cut(turns, budget), persona)


def asked_again(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """Stored turns made fit for the model: what was forgotten of them may have left gaps."""
    system = tuple(turn for turn in turns if turn.role == "system")
    spoken = merge_turns(turn for turn in turns if turn.role != "system")
    first = next((index for index, turn in enumerate(spoken) if turn.role == "user"), len(spoken))
    return system + spoken[first:]


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
    exchanges = len(spoken) // 2
    if exchanges == 0:
        return None
    return system + spoken[2 * ((exchanges + 1) // 2) :]


def _marked(lines: Iterable[Utterance], named: bool) -> Iterator[Turn]:
    """A turn for each line, with the person whose it is."""
    asker: str | None = None
    for line in lines:
        content = _say(line, named)
        if line.speaker is None:
            yield Turn("assistant", content, (Said(line.person or asker, content),))
        else:
            asker = line.person
            yield Turn("user", content, (Said(asker, content),))


def _say(line: Utterance, named: bool) -> str:
    if line.speaker is None or not named:
        return line.text
    return f"{clean_name(line.speaker)}: {line.text}"
