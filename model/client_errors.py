"""Turns the errors of the `openai` library into those of the client."""

from collections.abc import Mapping
from typing import cast

import openai

from model.errors import (
    ClientError,
    NotReady,
    WorkerDied,
    WorkerLoading,
    WorkerRefused,
    WorkerUnavailable,
)

_GATEWAY = frozenset({502, 503, 504})
_INTERNAL = 500


def convert(error: openai.OpenAIError) -> ClientError:
    """The error to raise, `from` the library's, for a call that got no answer."""
    if not isinstance(error, openai.APIStatusError):
        return WorkerUnavailable(f"no worker answers: {explain(error)}")
    body = _body(error.body)
    message = explain(error)
    if error.status_code in _GATEWAY:
        if body.get("code") == NotReady.code:
            return WorkerLoading(
                str(body.get("stage")), _number(body.get("progress")), _retry_after(error)
            )
        return WorkerUnavailable(f"the worker answers {error.status_code}: {message}")
    if error.status_code >= _INTERNAL:
        return WorkerDied(f"the worker failed: {message}")
    return WorkerRefused(
        error.status_code,
        _text(body.get("code")),
        message,
        param=_text(body.get("param")),
        retry_after=_retry_after(error),
    )


def explain(error: openai.OpenAIError) -> str:
    """What happened, in one line: the server's own words, or those of the cause."""
    if isinstance(error, openai.APIStatusError):
        message = _text(_body(error.body).get("message")) or f"status {error.status_code}"
    elif isinstance(error, openai.APITimeoutError):
        message = "no answer in time"
    elif isinstance(error, openai.APIConnectionError):
        message = str(error.__cause__ or error) or type(error.__cause__).__name__
    else:
        message = str(error)
    return " ".join(message.split())


def _body(body: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", body) if isinstance(body, Mapping) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _retry_after(error: openai.APIStatusError) -> float | None:
    try:
        return float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None
