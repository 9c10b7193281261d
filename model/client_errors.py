"""Turns the errors of the `openai` library, and the words of many servers, into the client's."""

import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import cast

import openai

from model.errors import (
    ClientError,
    ContextLengthExceeded,
    NotReady,
    WorkerDied,
    WorkerLoading,
    WorkerRefused,
    WorkerUnavailable,
    WorkerUnusable,
)

_GATEWAY = frozenset({502, 503, 504})
_NOT_IMPLEMENTED = 501
_INTERNAL = 500
_BAD_REQUEST = 400
_UNAUTHORIZED = 401
_TOO_LARGE = 413
_TOO_MANY = 429
_FORBIDDEN = 403
_UNAVAILABLE = 503
_TRY_LATER = (408, 425, 429)
_STARTING = re.compile("loading|starting|warming|initiali[sz]ing", re.IGNORECASE)
_NO_HINT_S = 2.0  # before the next try, where a server that is busy does not say how long
_WORD_FIELDS = ("message", "error", "detail", "msg", "errors", "title", "reason", "status")
_MOST_WORDS = 300
_DEEPEST = 5  # how far a message may be nested
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
# As llama.cpp, vLLM, SGLang, TGI, LM Studio, Gemini, Mistral and Anthropic say it.
_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|context (length|size|window)|maximum context"
    r"|prompt is too long|input token count .*exceeds|tokens.* must be <="
    r"|longer than the maximum (model )?length",
    re.IGNORECASE | re.DOTALL,
)


def convert(error: openai.OpenAIError) -> ClientError:
    """The error to raise, `from` the library's, for a call that got no answer."""
    if not isinstance(error, openai.APIStatusError):
        return WorkerUnavailable(f"no worker answers: {explain(error)}")
    status, body = error.status_code, as_mapping(error.body)
    message = explain(error)
    if status in _GATEWAY:
        if body.get("code") == NotReady.code:
            progress = body.get("progress")
            known = float(progress) if isinstance(progress, int | float) else None
            return WorkerLoading(str(body.get("stage")), known, _retry_after(error))
        return WorkerUnavailable(f"the worker answers: {message}")
    if status < _BAD_REQUEST:
        place = error.response.headers.get("location", "elsewhere")
        return WorkerUnusable(status, None, f"it sends us to {place}: is that the WORKER_URL?")
    if status == _UNAUTHORIZED:
        code = as_text(body.get("code"))
        return WorkerUnusable(status, code, f"it does not take WORKER_API_KEY: {message}")
    if status >= _INTERNAL and status != _NOT_IMPLEMENTED:
        return WorkerDied(f"the worker failed: {message}")
    retry_after = _retry_after(error) or (_NO_HINT_S if status == _TOO_MANY else None)
    return _refusal(status, error.body, message, retry_after)


def explain(error: openai.OpenAIError) -> str:
    """What happened, in one line: the server's own words, or those of the cause."""
    if isinstance(error, openai.APIStatusError):
        said, status = words(error.body), error.status_code
        return f"{said} (status {status})" if said else f"status {status}"
    if isinstance(error, openai.APITimeoutError):
        return "no answer in time"
    if isinstance(error, openai.APIConnectionError):
        return _connection(error)
    body = error.body if isinstance(error, openai.APIError) else None
    return words(body) or _line(str(error))


def blamed(error: ClientError, root: str) -> ClientError:
    """The error of a look at the server at `root`, as WorkerUnusable where a setting is to blame.

    A server that refuses even to say what it has will take no request.
    """
    if not isinstance(error, WorkerRefused) or isinstance(error, WorkerUnusable):
        return error
    if error.status in _TRY_LATER:
        return error
    line = f"there is no OpenAI-compatible server at {root}/v1: is that the WORKER_URL?"
    if error.status == _FORBIDDEN:
        line = "it does not let us in, look at WORKER_API_KEY:"
    return WorkerUnusable(error.status, error.code, f"{line} {error}")


def is_starting(error: openai.APIStatusError) -> bool:
    """Whether the server says in words of its own that it is not ready yet."""
    return error.status_code == _UNAVAILABLE and bool(_STARTING.search(explain(error)))


def words(body: object) -> str | None:
    """What the body of an error says to people, in one short line; None for nothing.

    It may be OpenAI's error object, another object with a message somewhere in it, FastAPI's list
    of faulty fields, a plain text, or a proxy's web page.
    """
    return _words(body, _DEEPEST)


def refusal_in(body: object) -> WorkerRefused | None:
    """The refusal that an error inside a stream stands for; None for a failure of the server."""
    fields = as_mapping(body)
    code, said = fields.get("code"), words(body) or "the server does not say why"
    if isinstance(code, int) and _BAD_REQUEST <= code < _INTERNAL:
        return _refusal(code, body, said, _NO_HINT_S if code == _TOO_MANY else None)
    refusal = _refusal(_BAD_REQUEST, body, said, None)
    return refusal if refusal.code == ContextLengthExceeded.code else None


def as_mapping(value: object) -> dict[str, object]:
    """The value where it is a JSON object, an empty one otherwise."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    """The value where it is a JSON array, an empty one otherwise."""
    return cast("list[object]", value) if isinstance(value, list) else []


def as_text(value: object) -> str | None:
    """The value where it is a text, None otherwise."""
    return value if isinstance(value, str) else None


def _words(body: object, depth: int) -> str | None:
    if isinstance(body, str):
        page = _TITLE.search(body)
        return _line(f"a web page, {page[1]!r}" if page else _TAG.sub(" ", body)) or None
    if body is None or depth == 0:
        return None
    if isinstance(body, list):
        said = [said for part in cast("list[object]", body) if (said := _words(part, depth - 1))]
        return _line("; ".join(said)) or None
    fields = as_mapping(body)
    inner = (_words(fields.get(name), depth - 1) for name in _WORD_FIELDS)
    said = next((line for line in inner if line), None)
    place = fields.get("loc")
    if said is not None and isinstance(place, list):
        return f"{'.'.join(str(part) for part in cast('list[object]', place))}: {said}"
    return said


def _refusal(status: int, body: object, said: str, retry_after: float | None) -> WorkerRefused:
    fields = as_mapping(body)
    code = as_text(fields.get("code"))
    if status != _TOO_MANY and (
        status == _TOO_LARGE or _TOO_LONG.search(f"{code} {fields.get('type')} {said}")
    ):
        code = ContextLengthExceeded.code
    param = as_text(fields.get("param"))
    return WorkerRefused(status, code, said, param=param, retry_after=retry_after)


def _connection(error: openai.APIConnectionError) -> str:
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its TLS certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER":
            return "it speaks no TLS: should WORKER_URL begin with http://?"
    first = causes[0] if causes else error
    return _line(str(first)) or type(first).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    while (cause := error.__cause__ or error.__context__) is not None:
        yield cause
        error = cause


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MOST_WORDS else f"{line[:_MOST_WORDS]}…"


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds to wait, which a server says as a number or as a date."""
    told = error.response.headers.get("retry-after", "")
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(told)
    except ValueError:
        return None
    return max(0.0, (date.astimezone(UTC) - datetime.now(UTC)).total_seconds())
