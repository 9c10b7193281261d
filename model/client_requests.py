"""The body of a chat request, and what each server has to be asked without."""

import re
from collections.abc import Sequence
from typing import Protocol, cast

from model.client_models import ServerKind
from model.errors import ContextLengthExceeded, UnknownModel, WorkerRefused, WorkerUnusable
from model.sampling import SamplingParams

# These servers have defaults of their own for what is not sent, so everything is sent to them.
_OWN_DEFAULTS = (ServerKind.LLAMA_CPP, ServerKind.VLLM)
_LLAMA_CPP_NAMES = {"repetition_penalty": "repeat_penalty"}
# As vLLM has them: the last turn is the assistant's and is gone on with, instead of answered.
_GOING_ON = {"continue_final_message": True, "add_generation_prompt": False}
# Without these it is another request. Who cannot go on with a turn has to be asked in words.
_INDISPENSABLE = frozenset({"model", "messages", "stream", "lora", *_GOING_ON})
_NEW_NAMES = {"max_tokens": "max_completion_tokens"}
# As OpenAI, Groq, Mistral, Gemini, xAI and FastAPI say that they do not take a field.
_NOT_TAKEN = re.compile(
    r"unknown|unrecognized|unsupported|unexpected|(not|n't) (be )?(support|allow|permit|implement)"
    r"|not available|cannot find field|additional propert|extra_forbidden|extra (input|field)",
    re.IGNORECASE,
)
_NO_SYSTEM = re.compile(
    r"system\W.{0,20}(role|message|prompt).{0,20}(not|n't|un)\W?\s?(be )?(support|allow)"
    r"|(only|must|should).{0,60}\buser\b.{0,20}\bassistant\b|roles? must alternate"
    r"|(not|n't) support.{0,20}system\W.{0,3}(role|message|prompt)",
    re.IGNORECASE | re.DOTALL,
)
Body = dict[str, object]


class TurnLike(Protocol):
    """Any object with a role and a content, such as a turn of the store."""

    @property
    def role(self) -> str:
        """Who speaks: system, user or assistant."""
        ...

    @property
    def content(self) -> str:
        """What is said."""
        ...


def chat_body(turns: Sequence[TurnLike], sampling: SamplingParams, kind: ServerKind) -> Body:
    """The fields of a request for a streamed answer, but those that choose the model.

    What changes nothing is left out for servers that may not know it, and sent to those that
    would use a default of their own instead. Where the last turn is the assistant's, the answer
    is to go on with it.
    """
    told = sampling.model_dump(mode="json", exclude_defaults=kind not in _OWN_DEFAULTS)
    told |= {"temperature": sampling.temperature, "top_p": sampling.top_p}
    if kind is ServerKind.LLAMA_CPP:
        told = {_LLAMA_CPP_NAMES.get(name, name): value for name, value in told.items()}
    return {
        "messages": [{"role": turn.role, "content": turn.content} for turn in turns],
        "stream": True,
        "stream_options": {"include_usage": True},
        **{name: value for name, value in told.items() if value not in (None, [])},
        **(_GOING_ON if turns and turns[-1].role == "assistant" else {}),
    }


class Concessions:
    """What one server does not take, learnt from its refusals and kept for every later request."""

    def __init__(self) -> None:
        self._left_out: set[str] = set()
        self._renamed: set[str] = set()
        self._system_as_user = False

    def apply(self, body: Body) -> Body:
        """The body as this server takes it."""
        names = {name: _NEW_NAMES[name] if name in self._renamed else name for name in body}
        made = {names[name]: value for name, value in body.items() if name not in self._left_out}
        if self._system_as_user:
            made["messages"] = _without_system(_messages(body))
        return made

    def learn(self, refusal: WorkerRefused, body: Body) -> str | None:
        """Take from a refusal what to leave out; None where asking again makes no sense.

        Otherwise it returns a line that tells the operator what changes.
        """
        if not refusal.is_of_form or isinstance(refusal, WorkerUnusable):
            return None
        if refusal.code in (ContextLengthExceeded.code, UnknownModel.code):
            return None
        if self._may_lack_system(body) and _NO_SYSTEM.search(refusal.message):
            self._system_as_user = True
            return "the system prompt goes into the first message of the user from now on"
        named = _named(refusal, body) - self._left_out
        if not named or not _NOT_TAKEN.search(f"{refusal.code} {refusal.message}"):
            return None
        renamed = {name for name in named if _NEW_NAMES.get(name, "\0") in refusal.message}
        self._renamed |= renamed
        self._left_out |= named - renamed
        return f"it is asked without {', '.join(sorted(named))} from now on"

    def _may_lack_system(self, body: Body) -> bool:
        """Whether the system turn may be the one that is refused, and not the assistant's last."""
        return _has_system(body) and not self._system_as_user and not _GOING_ON.keys() & body.keys()


def _named(refusal: WorkerRefused, body: Body) -> set[str]:
    """The fields of the body that the refusal speaks of."""
    return {
        name
        for name in body.keys() - _INDISPENSABLE
        if name == refusal.param or re.search(rf"\b{name}\b", refusal.message)
    }


def _messages(body: Body) -> list[dict[str, str]]:
    return cast("list[dict[str, str]]", body["messages"])


def _has_system(body: Body) -> bool:
    return any(message["role"] == "system" for message in _messages(body))


def _without_system(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """The same turns with the system's text at the beginning of the first user's."""
    system = [one["content"] for one in messages if one["role"] == "system"]
    others = [one for one in messages if one["role"] != "system"]
    first = next((i for i, one in enumerate(others) if one["role"] == "user"), None)
    if not system or first is None:
        return others
    text = "\n\n".join([*system, others[first]["content"]])
    return [*others[:first], {"role": "user", "content": text}, *others[first + 1 :]]
