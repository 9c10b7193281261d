"""Errors as JSON in OpenAI's shape, for whole answers and for streams."""

import logging
import math

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from model.errors import NotReady, RequestError
from model.protocol.state import ErrorAnswer, ErrorBody
from model.server.metrics import WorkerMetrics

log = logging.getLogger(__name__)

STARTED = web.RequestKey("started", bool)
_INTERNAL = ErrorBody(
    message="an error inside the worker; its log says more",
    type="server_error",
    code="internal_error",
)


def describe(error: RequestError) -> ErrorAnswer:
    """The body that tells a client of this error."""
    return ErrorAnswer(
        error=ErrorBody(
            message=str(error),
            type=error.kind,
            param=error.param,
            code=error.code,
            stage=error.stage if isinstance(error, NotReady) else None,
            progress=error.progress if isinstance(error, NotReady) else None,
        )
    )


def error_middleware(metrics: WorkerMetrics) -> Middleware:
    """A middleware that turns every error of a request into an answer, and counts it."""

    @web.middleware
    async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except RequestError as error:
            metrics.refused(error.code)
            return _refusal(error)
        except web.HTTPException as error:
            body = _of_http(request, error)
            metrics.refused(body.code or "")
            allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            return _answer(error.status, body, allow)
        except Exception:  # the request's border: the others go on
            if STARTED in request:
                raise  # part of an answer is sent: all that is left is to close the connection
            log.exception("%s %s failed", request.method, request.path)
            metrics.refused("internal_error")
            return _answer(500, _INTERNAL, {})

    return answer_errors


def _refusal(error: RequestError) -> web.Response:
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if error.status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = "Bearer"
    return _answer(error.status, describe(error).error, headers)


def _answer(status: int, body: ErrorBody, headers: dict[str, str]) -> web.Response:
    text = ErrorAnswer(error=body).model_dump_json()
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)


def _of_http(request: web.Request, error: web.HTTPException) -> ErrorBody:
    match error:
        case web.HTTPNotFound():
            message, code = f"there is no {request.path} here", "not_found"
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            message = f"{request.path} takes {allowed}, not {request.method}"
            code = "method_not_allowed"
        case web.HTTPRequestEntityTooLarge():
            message, code = f"the body is too large: {error.text}", "body_too_large"
        case _:
            message, code = error.reason, "http_error"
    return ErrorBody(message=message, type="invalid_request_error", param=None, code=code)
