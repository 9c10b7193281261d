"""The official client for Python."""

from collections.abc import Iterator
from typing import Any

import openai

from tests.clients.answers import LIMIT_S, Outcome, Place, Turns


def outcome(answer: Any) -> Outcome:
    """An answer or a chunk in OpenAI's shape, which several clients keep."""
    choices = sorted(answer.choices, key=lambda choice: choice.index)
    texts = [""] * (1 + max((choice.index for choice in choices), default=-1))
    for choice in choices:
        said = getattr(choice, "delta", None) or choice.message
        texts[choice.index] = said.content or ""
    usage = getattr(answer, "usage", None)
    return Outcome(
        texts,
        [choice.finish_reason for choice in choices],
        usage and usage.prompt_tokens,
        usage and usage.completion_tokens,
    )


class OpenAIClient:
    """`openai` as people install it."""

    name = "openai"
    able = frozenset({"n", "reasons", "stream_usage", "timeout"})

    def models(self, where: Place) -> list[str]:
        with self.connect(where) as client:
            return [model.id for model in client.models.list()]

    def ask(
        self,
        where: Place,
        turns: Turns,
        model: str = "base",
        timeout: float = LIMIT_S,
        **fields: Any,
    ) -> Outcome:
        with self.connect(where, timeout) as client:
            return outcome(client.chat.completions.create(model=model, messages=turns, **fields))

    def stream(
        self, where: Place, turns: Turns, model: str = "base", **fields: Any
    ) -> Iterator[Outcome]:
        options = {"stream": True, "stream_options": {"include_usage": True}}
        with (
            self.connect(where) as client,
            client.chat.completions.create(
                model=model, messages=turns, **options, **fields
            ) as chunks,
        ):
            yield from map(outcome, chunks)

    @staticmethod
    def connect(where: Place, timeout: float = LIMIT_S) -> openai.OpenAI:
        return openai.OpenAI(base_url=where.base, api_key=where.key, timeout=timeout, max_retries=0)
