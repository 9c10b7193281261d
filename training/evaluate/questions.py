"""The questions that variants are asked, and their answers for the report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from data.files.datasets import Pair, Prompt
from model.offline import OfflineAnswer, OfflineModel, OfflineRequest
from model.text.prompt import ChatTurn
from training.evaluate.result import Asked, AskedTurn, MeasuredAnswer, ReportedSampling
from training.evaluate.voice.classifier import Label
from training.evaluate.voice.judge import Verdicts


@dataclass(frozen=True, slots=True)
class EvaluationQuestion:
    """A test row, or a fixed prompt. `reply` is the reply of the test row; a prompt has none."""

    id: str
    turns: tuple[ChatTurn, ...]
    reply: str | None


def of_pair(number: int, pair: Pair) -> EvaluationQuestion:
    """Test row number `number` as a question: all its turns but not its reply."""
    before = tuple(ChatTurn(turn.role, turn.content) for turn in pair.before)
    return EvaluationQuestion(
        f"test {number}", (*before, ChatTurn("user", pair.comment)), pair.reply
    )


def of_prompt(prompt: Prompt) -> EvaluationQuestion:
    """A fixed prompt as a question."""
    return EvaluationQuestion(prompt.id, (ChatTurn("user", prompt.prompt),), None)


def ask(
    model: OfflineModel,
    variant: str,
    questions: Sequence[EvaluationQuestion],
    sampling: ReportedSampling,
    on_answer: Callable[[], None],
) -> list[OfflineAnswer]:
    """The answers of one variant, in order. Question n, from 0, has the seed `sampling.seed + n`.

    `on_answer` is called after each answer. Raises ModelError.
    """
    requests = [
        OfflineRequest(question.turns, variant, sampling.of_question(n))
        for n, question in enumerate(questions)
    ]
    return model.generate(requests, on_answer)


def record(
    questions: Sequence[EvaluationQuestion],
    answers: Mapping[str, Sequence[OfflineAnswer]],
    overlaps: Mapping[str, Sequence[int]],
    verdicts: Verdicts,
) -> tuple[Asked, ...]:
    """The questions with the answers of all variants, as the report keeps them.

    `answers` and `overlaps` have one entry for each question, in order, under each variant's name.
    `verdicts` must know all answers.
    """
    return tuple(
        Asked(
            id=question.id,
            turns=tuple(AskedTurn(role=turn.role, content=turn.content) for turn in question.turns),
            reply=question.reply,
            answers={
                name: _said(given[place], overlaps[name][place], verdicts)
                for name, given in answers.items()
            },
        )
        for place, question in enumerate(questions)
    )


def _said(answer: OfflineAnswer, overlap: int, verdicts: Verdicts) -> MeasuredAnswer:
    return MeasuredAnswer(
        text=answer.text.strip(),
        tokens=answer.completion_tokens,
        finish_reason=answer.finish_reason,
        disclaimer=verdicts.has(Label.DISCLAIMER, answer.text),
        position=verdicts.has(Label.POSITION, answer.text),
        overlap=overlap,
    )
