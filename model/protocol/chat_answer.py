"""Answers to a chat request: whole, or in chunks as they are made."""

from collections.abc import Sequence
from typing import Literal

from model.protocol.logprobs import ChoiceLogprobs
from model.protocol.shape import SentByWorker, Sparse


class PromptDetails(SentByWorker):
    """Of the prompt's tokens, those that were computed before, for another request."""

    cached_tokens: int


class Usage(Sparse):
    """Counts of tokens; `completion_tokens` are the sampled ones without the end token."""

    optional = frozenset({"prompt_tokens_details"})

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails | None = None

    @property
    def cached_tokens(self) -> int:
        """How many of the prompt's tokens were computed before."""
        details = self.prompt_tokens_details
        return 0 if details is None else details.cached_tokens

    @classmethod
    def of_answers(cls, usages: Sequence["Usage"], each: int) -> "Usage":
        """The sum over several answers; `each` in a row are to one prompt, which counts once.

        Of a prompt's tokens those count as cached that none of its answers had to compute.
        """
        prompts = [usages[i : i + each] for i in range(0, len(usages), each)]
        return cls.of_tokens(
            sum(answers[0].prompt_tokens for answers in prompts),
            sum(usage.completion_tokens for usage in usages),
            sum(min(usage.cached_tokens for usage in answers) for answers in prompts),
        )

    @classmethod
    def of_tokens(cls, prompt: int, completion: int, cached: int) -> "Usage":
        """These counts; nothing is said of `cached` tokens where there are none."""
        return cls(
            prompt_tokens=prompt,
            completion_tokens=completion,
            total_tokens=prompt + completion,
            prompt_tokens_details=PromptDetails(cached_tokens=cached) if cached else None,
        )


class Extension(SentByWorker):
    """Where an answer comes from; the field `fungpt` of answers. The base has no hash."""

    model_id: str
    adapter_hash: str | None
    seed: int


FinishReason = Literal["stop", "length", "tool_calls"]


class FunctionDelta(Sparse):
    """What a chunk adds to a call: its function's name at its beginning, then JSON, as text."""

    optional = frozenset({"name"})

    name: str | None = None
    arguments: str = ""


class CallDelta(Sparse):
    """A call, the `index`-th of an answer, or what a chunk adds to it: id and type come first."""

    optional = frozenset({"id", "type"})

    index: int
    id: str | None = None
    type: Literal["function"] | None = None
    function: FunctionDelta


class ChunkDelta(Sparse):
    """What a chunk adds to the answer."""

    optional = frozenset({"role", "content", "tool_calls"})

    role: Literal["assistant"] | None = None
    content: str | None = None
    tool_calls: list[CallDelta] | None = None


class ChunkChoice(Sparse):
    """What a chunk says of one answer, the `index`-th of those asked for."""

    optional = frozenset({"logprobs"})

    index: int = 0
    delta: ChunkDelta
    logprobs: ChoiceLogprobs | None = None
    finish_reason: FinishReason | None = None


class ChatChunk(Sparse):
    """One event of a streamed answer.

    `fungpt` stands in the first chunk and in the one with a finish reason.
    """

    optional = frozenset({"usage", "fungpt"})

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: Usage | None = None
    fungpt: Extension | None = None


class FunctionCall(SentByWorker):
    """A function's name and its arguments: JSON, as text."""

    name: str
    arguments: str


class ToolCall(SentByWorker):
    """One call of a whole answer."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


class AnswerMessage(Sparse):
    """The message of a whole answer; `content` is None where it calls functions instead."""

    optional = frozenset({"tool_calls"})

    role: Literal["assistant"] = "assistant"
    content: str | None
    tool_calls: list[ToolCall] | None = None


class AnswerChoice(Sparse):
    """One of the whole answers, the `index`-th of those asked for."""

    optional = frozenset({"logprobs"})

    index: int = 0
    message: AnswerMessage
    logprobs: ChoiceLogprobs | None = None
    finish_reason: FinishReason


class ChatAnswer(SentByWorker):
    """Body of the answer to a chat request that is not streamed."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[AnswerChoice]
    usage: Usage
    fungpt: Extension
