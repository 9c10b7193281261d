"""Reads request bodies: bytes to a checked object, or one clear refusal."""

import json
from collections.abc import Iterable
from typing import NoReturn, TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from model.errors import BadParameter
from model.protocol.cards import AdapterRequest
from model.protocol.chat_request import (
    MAX_ANSWERS,
    AnswerRequest,
    ChatMessage,
    ChatRequest,
    StreamOptions,
)
from model.protocol.chat_tools import (
    FunctionSpec,
    FunctionTool,
    NamedChoice,
    ResponseFormat,
    SchemaFormat,
    SentCall,
)
from model.protocol.completion_request import CompletionRequest
from model.server.entry.neutral import without_neutral

MAX_DEPTH = 40  # a schema of ten objects in one another, as tools have them
MAX_ENTRIES = 100_000  # of all objects and lists together
_Container = dict[str, object] | list[object]
_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
_UNION_MEMBERS = frozenset({"str", "TextPart", "NamedChoice"})
_NESTED: dict[int | str, type[BaseModel]] = {
    "messages": ChatMessage,
    "stream_options": StreamOptions,
    "response_format": ResponseFormat,
    "json_schema": SchemaFormat,
    "tools": FunctionTool,
    "tool_choice": NamedChoice,
    "tool_calls": SentCall,
    "function": FunctionSpec,
}
_SHOWN = 60
_BOTH = "max_completion_tokens"
_Body = TypeVar("_Body", ChatRequest, CompletionRequest, AdapterRequest)


def parse_chat(body: bytes) -> ChatRequest:
    """Read the body of a chat request; raises BadParameter for the first field that is wrong.

    A lone surrogate in a JSON escape is no character and becomes U+FFFD.
    """
    request = _parse(body, ChatRequest)
    if request.max_tokens and request.max_completion_tokens not in (None, request.max_tokens):
        raise BadParameter(_BOTH, f"max_tokens and {_BOTH} are two names of one thing: give one")
    if request.top_logprobs and not request.logprobs:
        raise BadParameter("top_logprobs", "top_logprobs is only allowed with logprobs: true")
    _check_stream(request)
    return request


def parse_completion(body: bytes) -> CompletionRequest:
    """Read the body of a completion request; raises BadParameter for the first wrong field."""
    request = _parse(body, CompletionRequest)
    if (rows := len(request.prompts) * request.n) > MAX_ANSWERS:
        raise BadParameter(
            "prompt", f"prompt and n ask for {rows} answers; there may be {MAX_ANSWERS}"
        )
    if request.echo and request.logprobs is not None:
        raise BadParameter("logprobs", "logprobs of a prompt are not supported: leave echo out")
    _check_stream(request)
    return request


def _check_stream(request: AnswerRequest) -> None:
    if request.stream_options is not None and not request.stream:
        raise BadParameter("stream_options", "stream_options is only allowed with stream: true")


def parse_adapter(body: bytes) -> AdapterRequest:
    """Read the body of POST /v1/adapters; raises BadParameter for the first wrong field."""
    return _parse(body, AdapterRequest)


def _parse(body: bytes, kind: type[_Body]) -> _Body:
    try:
        fields = _clean(_load(body))
        if issubclass(kind, AnswerRequest):
            fields = without_neutral(fields, kind)
        return kind.model_validate(fields)
    except ValidationError as error:
        raise _refusal(error.errors()[0], kind) from error


def _check_entries(body: bytes) -> None:
    """Refuse a body of far too many entries before any object is made of it.

    A comma or an opening bracket stands before each entry. Only where there are many of them is
    the text of strings, which may have any number, taken out first.
    """
    if _entries(body) > 2 * MAX_ENTRIES and _entries(_outside_strings(body)) > 2 * MAX_ENTRIES:
        raise BadParameter(None, f"the body has more than {MAX_ENTRIES} entries")


def _outside_strings(body: bytes) -> bytes:
    """What of a JSON text stands in no string.

    Several quick steps instead of one pattern: while each runs, nothing else does.
    """
    return b"".join(body.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])


def _entries(body: bytes) -> int:
    return sum(body.count(mark) for mark in (b",", b"[", b"{"))


def _load(body: bytes) -> object:
    _check_entries(body)
    try:
        return json.loads(body.decode("utf-8-sig"), parse_constant=_no_constant)
    except RecursionError:
        raise BadParameter(None, "the body is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise BadParameter(None, f"the body is not UTF-8: {error.reason}") from error
    except ValueError as error:
        raise BadParameter(None, f"the body is not JSON: {error}") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _clean(body: object) -> object:
    """The body with every lone surrogate replaced, its objects and lists changed in place.

    Raises BadParameter where it is nested too deeply or has more entries than any honest request,
    so that what follows need not fear its size.
    """
    if isinstance(body, str):
        return body.translate(_SURROGATES)
    entries, level = 0, _containers([body])
    for _ in range(MAX_DEPTH):
        inner: list[_Container] = []
        for holder in level:
            entries += len(holder)
            if entries > MAX_ENTRIES:
                raise BadParameter(None, f"the body has more than {MAX_ENTRIES} entries")
            _clean_one(holder)
            inner += _containers(holder.values() if isinstance(holder, dict) else holder)
        level = inner
    if level:
        raise BadParameter(None, f"the body is nested more than {MAX_DEPTH} levels deep")
    return body


def _containers(values: Iterable[object]) -> list[_Container]:
    return [cast("_Container", value) for value in values if isinstance(value, dict | list)]


def _clean_one(holder: _Container) -> None:
    places = enumerate(holder) if isinstance(holder, list) else list(holder.items())
    for place, value in places:
        if isinstance(value, str) and not _is_unicode(value):
            cast("dict[object, object]", holder)[place] = value.translate(_SURROGATES)
    if isinstance(holder, dict) and not all(map(_is_unicode, holder)):
        renamed = {key.translate(_SURROGATES): value for key, value in holder.items()}
        holder.clear()
        holder.update(renamed)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refusal(error: ErrorDetails, kind: type[BaseModel]) -> BadParameter:
    where = _path(error["loc"])
    name = where or "the body"
    match error["type"]:
        case "missing":
            return BadParameter(where, f"{name} is missing")
        case "extra_forbidden":  # a chat's own fields and its turns' were looked at before
            supported = ", ".join(_holder(error["loc"], kind).model_fields).replace("_,", ",")
            return BadParameter(where, f"{name} is not supported; supported are: {supported}")
        case "value_error":
            return BadParameter(where, f"{name}: {error['msg'].removeprefix('Value error, ')}")
        case _:
            allowed = _allowed(error["loc"], kind)
            return BadParameter(where, f"{name} must be {allowed}, not {_shown(error['input'])}")


def _path(loc: tuple[int | str, ...]) -> str | None:
    """The path of a field, such as `messages[0].content`, from pydantic's location.

    The location's names of union members are left out.
    """
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not path:
            path = part[:_SHOWN]
        elif part.isidentifier() and part not in _UNION_MEMBERS:
            path += f".{part[:_SHOWN]}"
    return path or None


def _allowed(loc: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """What is allowed at a location: the description of its innermost field."""
    allowed = "a JSON object"
    for part in loc:
        known = {field.alias or name: field for name, field in model.model_fields.items()}
        field = known.get(part) if isinstance(part, str) else None
        if field is not None:
            allowed = field.description or "of another form"
            model = _NESTED.get(part, model)
    return allowed


def _holder(loc: tuple[int | str, ...], model: type[BaseModel]) -> type[BaseModel]:
    """The kind of the object that a location stands in."""
    for part in loc[:-1]:
        model = _NESTED.get(part, model)
    return model


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
