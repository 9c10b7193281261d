"""Answers to POST /v1/completions, in OpenAI's older shape: whole, or chunk by chunk."""

from collections.abc import Sequence

from model.protocol.chat_answer import Usage
from model.protocol.completion_answer import CompletionAnswer, CompletionChoice
from model.protocol.logprobs import CompletionLogprobs
from model.server.answer.generation import AnswerEnd, Generation, TextDelta
from model.server.answer.scored_text import ScoredPiece, completion_logprobs


async def whole_completion(
    generations: list[Generation], created: int, each: int
) -> CompletionAnswer:
    """Wait for all answers, of which `each` in a row go on with the same prompt."""
    choices: list[CompletionChoice] = []
    usages: list[Usage] = []
    for index, generation in enumerate(generations):
        text, scored, end = await generation.rest()
        choices.append(
            CompletionChoice(
                index=index,
                text=generation.echo + text,
                logprobs=_logprobs(generation, scored),
                finish_reason=end.reason,
            )
        )
        usages.append(end.usage)
    return _head(generations, created).model_copy(
        update={
            "choices": choices,
            "usage": Usage.of_answers(usages, each),
            "fungpt": generations[0].extension,
        }
    )


class CompletionChunks:
    """Writes the chunks of streamed completions."""

    def __init__(self, generations: list[Generation], created: int) -> None:
        self._generations = generations
        self._head = _head(generations, created)

    def begin(self, index: int) -> str:
        """The first chunk of an answer: the prompt where it is echoed, else no text."""
        generation = self._generations[index]
        choice = CompletionChoice(index=index, text=generation.echo)
        return self._dump(choices=[choice], fungpt=generation.extension)

    def deltas(self, index: int, news: TextDelta) -> list[str]:
        """The chunk for more text."""
        scored = _logprobs(self._generations[index], news.scored) if news.scored else None
        choice = CompletionChoice(index=index, text=news.text, logprobs=scored)
        return [self._dump(choices=[choice])]

    def end(self, index: int, finished: AnswerEnd) -> str:
        """The last chunk of an answer: why it ended."""
        choice = CompletionChoice(index=index, text="", finish_reason=finished.reason)
        return self._dump(choices=[choice], fungpt=self._generations[index].extension)

    def usage(self, usage: Usage) -> str:
        """The chunk with the token counts of all answers."""
        return self._dump(choices=[], usage=usage)

    def _dump(self, **fields: object) -> str:
        return self._head.model_copy(update=fields).model_dump_json()


def _head(generations: list[Generation], created: int) -> CompletionAnswer:
    first = generations[0]
    return CompletionAnswer(id=first.id, created=created, model=first.request.variant, choices=[])


def _logprobs(generation: Generation, scored: Sequence[ScoredPiece]) -> CompletionLogprobs | None:
    if generation.request.params.logprobs is None:
        return None
    return completion_logprobs(scored, len(generation.echo))
