"""Builds the turns that the model is asked with, and shortens them. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.text import clean_name
from data.records import Answer, Request, Turn, merge_turns


@dataclass(frozen=True, slots=True)
class Utterance:
    """What somebody said; `speaker` is a person's name, None for the bot itself."""

    speaker: str | None
    text: str


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
            lines[-1] = Utterance(None, lines[-1].text + answer.text)
        else:
            lines.append(Utterance(request.user_name, request.prompt))
            lines.append(Utterance(None, (before or "") + answer.text))
    return lines


def is_continuation(turns: Sequence[Turn]) -> bool:
    """Whether the model is to go on with its own last turn instead of answering."""
    return bool(turns) and turns[-1].role == "assistant"


def going_on(request: Request, answer: Answer) -> tuple[Turn, ...]:
    """The turns that let the model go on with an answer that was cut off."""
    *before, last = request.turns
    if last.role == "assistant":
        return (*before, Turn("assistant", last.content + answer.text))
    return (*request.turns, Turn("assistant", answer.text))


def in_words(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The turns of a continuation for a worker that only answers a user."""
    return (*turns, Turn("user", _GO_ON))


def build_turns(
    lines: Sequence[Utterance], persona: str | None, budget: Budget
) -> tuple[Turn, ...]:
    """The turns for `lines`, of which the last is the prompt.

    After an optional system turn, user and assistant alternate, beginning and ending with user:
    neighbouring turns of one role are merged. Where several people speak, each line begins with
    its speaker's name. What exceeds the budget goes from the oldest end; the last turn stays.
    """
    people = {line.speaker for line in lines if line.speaker is not None}
    named = len(people) > 1
    turns = merge_turns(Turn("assistant" if line.speaker is None else "user", _say(line, named))
                  for line in lines)  # fmt: skip
    return with_persona(cut(turns, budget), persona)


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


def _say(line: Utterance, named: bool) -> str:
    if line.speaker is None or not named:
        return line.text
    return f"{clean_name(line.speaker)}: {line.text}"
