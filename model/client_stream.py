"""What the events of a streamed answer say, whichever OpenAI-compatible server sends them."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import openai
from openai._streaming import ServerSentEvent

from model.client_errors import as_list, as_mapping, as_text, refusal_in, words
from model.errors import WorkerDied, WorkerRefused
from model.protocol.chat_answer import Extension

_THOUGHT_FIELDS = ("reasoning_content", "reasoning")  # vLLM has had both, llama.cpp the first
_FINISH_REASONS = {
    "eos": "stop", "eos_token": "stop", "stop_sequence": "stop", "end_turn": "stop",
    "max_tokens": "length", "model_length": "length",
}  # fmt: skip
_BROKEN_OFF = frozenset({"abort", "aborted", "error", "cancelled", "insufficient_system_resource"})
_FILTERED = "content_filter"


@dataclass(frozen=True, slots=True)
class Origin:
    """The model and adapter that give an answer, as the worker says at its beginning."""

    model_id: str
    adapter_hash: str | None


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """More text of the answer: never empty, and without halves of characters.

    `origin` is None where a server does not tell it.
    """

    text: str
    origin: Origin | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ThoughtDelta:
    """A piece of what a reasoning model thinks before it answers, in a field of its own."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a complete answer.

    `finish_reason` is `stop`, `length`, or a server's own word for another end. Token counts,
    `seed` and `adapter_hash` are None where a server does not tell them.
    """

    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    model_id: str
    adapter_hash: str | None
    seed: int | None = None


class ChunkStream(openai.AsyncStream[object]):
    """The events of an answer as plain JSON values, without those that only keep it alive.

    `is_done` says that the server has sent `[DONE]`.
    """

    is_done = False

    async def _iter_events(self) -> AsyncIterator[ServerSentEvent]:
        async for event in super()._iter_events():
            data = event.data.strip()
            self.is_done = self.is_done or data.startswith("[DONE]")
            if data:
                yield event


class AnswerReader:
    """Collects what the events of one answer say; `model_id` is whom it was asked of."""

    def __init__(self, model_id: str) -> None:
        self._model_id = model_id
        self._finish_reason: str | None = None
        self._usage: tuple[int | None, int | None] = (None, None)
        self._extension: Extension | None = None
        self._characters = _Characters()
        self._has_text = False

    def is_whole(self, *, is_done: bool) -> bool:
        """Whether the server has said that the text is complete: what is lost then is no text.

        Some say it by `[DONE]` alone, which is `is_done`.
        """
        return self._finish_reason is not None or (is_done and self._has_text)

    def take(self, event: object) -> Iterator[AnswerDelta | ThoughtDelta]:
        """Note what an event says, and yield its thoughts and its text, where it has some.

        Raises WorkerDied or WorkerRefused when the event says that the answer ends here, and
        ValueError when its field `fungpt` is not as our worker sends it.
        """
        chunk = as_mapping(event)
        if chunk.get("object") == "error":
            raise self.failure(chunk)
        self._note(chunk)
        choices = as_list(chunk.get("choices"))
        choice = as_mapping(choices[0]) if choices else {}
        # A server that does not stream sends one whole message.
        delta = as_mapping(choice.get("delta") or choice.get("message"))
        thoughts, text = _contents(delta)
        if thoughts:
            yield ThoughtDelta(thoughts)
        if text := self._characters.take(text):
            yield self._delta(text)
        if (reason := as_text(choice.get("finish_reason"))) is not None:
            self._finish_reason = _FINISH_REASONS.get(reason.lower(), reason.lower())

    def failure(self, body: object) -> WorkerDied | WorkerRefused:
        """The error to raise for an error that came instead of the next event."""
        if not self._has_text and (refusal := refusal_in(body)) is not None:
            return refusal
        return WorkerDied(f"the answer broke off: {words(body) or 'the server does not say why'}")

    def end(self, *, is_done: bool) -> Iterator[AnswerDelta | Done]:
        """Yield what is left of the text, and Done; `is_done`: the server sent `[DONE]`.

        Raises WorkerDied when the answer is not whole, WorkerRefused when all of it was filtered.
        """
        if rest := self._characters.rest():
            yield self._delta(rest)
        reason = self._finish_reason or ("stop" if self.is_whole(is_done=is_done) else None)
        if reason is None:
            raise WorkerDied("the answer broke off: the stream ended without a finish reason")
        if reason in _BROKEN_OFF:
            raise WorkerDied(f"the answer broke off: the server ended it ({reason})")
        if reason == _FILTERED and not self._has_text:
            raise WorkerRefused(400, _FILTERED, "the server's filter kept the answer back")
        told = self._extension
        yield Done(
            finish_reason=reason,
            prompt_tokens=self._usage[0],
            completion_tokens=self._usage[1],
            model_id=self._model_id if told is None else told.model_id,
            adapter_hash=None if told is None else told.adapter_hash,
            seed=None if told is None else told.seed,
        )

    def _note(self, chunk: dict[str, object]) -> None:
        if usage := as_mapping(chunk.get("usage")):
            self._usage = (_count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))
        if (extension := chunk.get("fungpt")) is not None:
            self._extension = Extension.model_validate(extension)
        self._model_id = as_text(chunk.get("model")) or self._model_id

    def _delta(self, text: str) -> AnswerDelta:
        self._has_text = True
        told = self._extension
        return AnswerDelta(text, None if told is None else Origin(told.model_id, told.adapter_hash))


class _Characters:
    """Joins the halves of a character that a server sends in two events.

    JSON writes a character outside the basic plane as two surrogates, and a server may send one
    of them with each token. A half that stays alone becomes U+FFFD.
    """

    def __init__(self) -> None:
        self._half = ""

    def take(self, text: str) -> str:
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def rest(self) -> str:
        return "\ufffd" if self._half else ""


def _contents(delta: dict[str, object]) -> tuple[str, str]:
    """The thoughts and the text of a delta, "" for what it has not.

    Some servers send a list of parts, with thoughts among them, instead of a text.
    """
    thoughts = next((text for name in _THOUGHT_FIELDS if (text := as_text(delta.get(name)))), "")
    content = delta.get("content")
    text = as_text(content) or as_text(delta.get("refusal")) or ""
    for part in map(as_mapping, as_list(content)):
        text += as_text(part.get("text")) or ""
        inner = part.get("thinking")
        thoughts += as_text(inner) or "".join(
            as_text(as_mapping(one).get("text")) or "" for one in as_list(inner)
        )
    return thoughts, text


def _count(usage: dict[str, object], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and value >= 0 else None
