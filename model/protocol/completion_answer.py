"""Answers that go on with a text: whole, or in chunks of the same shape."""

from typing import Literal

from model.protocol.chat_answer import Extension, Usage
from model.protocol.logprobs import CompletionLogprobs
from model.protocol.shape import SentByWorker, Sparse


class CompletionChoice(SentByWorker):
    """One answer, or what a chunk adds to it.

    `index` counts the answers to the first prompt, then those to the second, and so on.
    """

    index: int
    text: str
    logprobs: CompletionLogprobs | None = None
    finish_reason: Literal["stop", "length"] | None = None


class CompletionAnswer(Sparse):
    """Body of the answer to a completion request, or one event of a streamed one.

    `fungpt` stands in the whole answer, and in a streamed answer's first chunk and in the one with
    a finish reason.
    """

    optional = frozenset({"usage", "fungpt"})

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: Usage | None = None
    fungpt: Extension | None = None
