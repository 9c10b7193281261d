"""What variants are asked, and what they answered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from data.files.datasets import Pair, Prompt
from model.offline import OfflineAnswer, OfflineModel, OfflineRequest
from model.text.prompt import ChatTurn
from training.evaluate.result import AnswerSampling, Asked, Said, Turn
from training.evaluate.voice.phrases import has_disclaimer, takes_position


@dataclass(frozen=True, slots=True)
class Question:
    """A test row, whose reply is known, or a fixed prompt, which has none."""

    id: str
    turns: tuple[ChatTurn, ...]
    reply: str | None


def of_pair(number: int, pair: Pair) -> Question:
    """A test row as a question: all its turns, never its reply."""
    before = tuple(ChatTurn(turn.role, turn.content) for turn in pair.before)
    return Question(f"test {number}", (*before, ChatTurn("user", pair.comment)), pair.reply)


def of_prompt(prompt: Prompt) -> Question:
    """A fixed prompt as a question."""
    return Question(prompt.id, (ChatTurn("user", prompt.prompt),), None)


def ask(
    model: OfflineModel,
    variant: str,
    questions: Sequence[Question],
    sampling: AnswerSampling,
    on_answer: Callable[[], None],
) -> list[OfflineAnswer]:
    """One variant's answers; question n has the seed `sampling.seed + n`, whoever answers."""
    requests = [
        OfflineRequest(question.turns, variant, sampling.of_question(n))
        for n, question in enumerate(questions)
    ]
    return model.generate(requests, on_answer)


def record(
    questions: Sequence[Question],
    answers: Mapping[str, Sequence[OfflineAnswer]],
    overlaps: Mapping[str, Sequence[int]],
) -> tuple[Asked, ...]:
    """Questions and every variant's answers as the report keeps them."""
    return tuple(
        Asked(
            id=question.id,
            turns=tuple(Turn(role=turn.role, content=turn.content) for turn in question.turns),
            reply=question.reply,
            answers={
                name: _said(given[place], overlaps[name][place]) for name, given in answers.items()
            },
        )
        for place, question in enumerate(questions)
    )


def _said(answer: OfflineAnswer, overlap: int) -> Said:
    return Said(
        text=answer.text.strip(),
        tokens=answer.completion_tokens,
        finish_reason=answer.finish_reason,
        disclaimer=has_disclaimer(answer.text),
        position=takes_position(answer.text),
        overlap=overlap,
    )
