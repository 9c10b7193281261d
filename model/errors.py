"""All errors of the worker and its client, grouped by what a caller can do about them."""


class ModelError(Exception):
    """The root of this package's errors; its text is one line for people."""


class ConfigError(ModelError):
    """A setting is wrong; the text says which one and what is allowed."""


class DemoModelError(ModelError):
    """The demo model could not be fetched, checked or converted."""


class AdapterMismatch(ModelError):
    """An adapter does not fit the base model; the text names both."""


class UnsupportedArchitecture(ModelError):
    """The base model's architecture is not one this worker runs."""


class ConstraintFailed(ModelError):
    """An answer cannot go on by its grammar; its row ends."""


class RequestError(ModelError):
    """One request is refused; `status`, `kind`, `code` and `param` form OpenAI's error object.

    `retry_after` is in seconds and only set where trying again later makes sense.
    """

    status: int = 400
    kind: str = "invalid_request_error"
    code: str = "invalid_request"
    param: str | None = None
    retry_after: float | None = None


class BadParameter(RequestError):
    """A field of the request is unknown, malformed or out of range."""

    code = "invalid_parameter"

    def __init__(self, param: str | None, message: str) -> None:
        super().__init__(message)
        self.param = param


class ContextLengthExceeded(RequestError):
    """Prompt and answer do not fit: `asked` tokens where `limit` are possible.

    Clients know the error by the first words, which are those of OpenAI and vLLM.
    """

    code = "context_length_exceeded"

    def __init__(
        self, limit: int, asked: int, unit: str = "tokens", param: str = "messages"
    ) -> None:
        super().__init__(
            f"This model's maximum context length is {limit} tokens. However, you requested "
            f"{asked} {unit}, prompt and answer together. Please reduce the length of the {param} "
            "or max_tokens."
        )
        self.param = param
        self.limit = limit
        self.asked = asked


class UnknownModel(RequestError):
    """No variant of this name is served."""

    status = 404
    code = "model_not_found"
    param = "model"

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"no model {name!r:.80} here; known: {', '.join(known)}")
        self.name = name
        self.known = known


class Unauthorized(RequestError):
    """The worker has a key, and the request carries none or a wrong one."""

    status = 401
    code = "invalid_api_key"

    def __init__(self) -> None:
        super().__init__("this worker wants its key: Authorization: Bearer <WORKER_API_KEY>")


class ForeignHost(RequestError):
    """The request names a host that this worker is not: a web page may stand behind it."""

    status = 403
    code = "foreign_host"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"a worker without a key is no {host!r:.80}: call it localhost, set WORKER_HOSTS, or "
            "set WORKER_API_KEY"
        )


class AdminClosed(RequestError):
    """Changing the worker needs a key, and this worker has none, so nobody can change it."""

    status = 403
    code = "admin_closed"

    def __init__(self) -> None:
        super().__init__("this worker has no key, so nobody may change it: set WORKER_API_KEY")


class AdapterRefused(RequestError):
    """An adapter cannot be served: damaged, of another base, or too large for the memory."""

    code = "adapter_refused"
    param = "path"


class WrongMediaType(RequestError):
    """The body is not declared as JSON.

    Insisting on it keeps web pages out: a browser asks before it sends JSON to another origin.
    """

    status = 415
    code = "wrong_media_type"

    def __init__(self, sent: str) -> None:
        super().__init__(f"the body must come as Content-Type: application/json, not {sent}")


class BrokenBody(RequestError):
    """The body is not encoded as its headers say."""

    code = "broken_body"

    def __init__(self, encoding: str) -> None:
        super().__init__(f"the body cannot be read: it is no complete {encoding:.60}")


class BodyTimeout(RequestError):
    """The body did not arrive in time."""

    status = 408
    code = "body_timeout"

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"the body did not arrive within {limit_s:g} s")


class EngineQueueFull(RequestError):
    """The engine's queue takes no more; try again after `retry_after` seconds."""

    status = 429
    kind = "rate_limit_error"
    code = "queue_full"

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"the queue is full: try again in {retry_after:g} s")
        self.retry_after = retry_after


class NotReady(RequestError):
    """The worker is loading, draining or failed; `stage` says what it is doing."""

    status = 503
    kind = "service_unavailable_error"
    code = "not_ready"

    def __init__(self, stage: str, progress: float | None = None, retry_after: float = 2.0) -> None:
        super().__init__(f"the worker is not ready: {stage}")
        self.stage = stage
        self.progress = progress
        self.retry_after = retry_after


class EngineFailed(RequestError):
    """The engine raised in a step, or reported an error for this row; the answer is lost."""

    status = 500
    kind = "server_error"
    code = "engine_failed"


class ClientError(ModelError):
    """The root of the errors that `model.client` raises."""


class WorkerUnavailable(ClientError):
    """No worker answers at the address: it is not started or gone, or the network fails."""


class WorkerLoading(ClientError):
    """The worker answers, but does not accept requests: it loads, drains or has failed.

    `stage` says what it is doing, `progress` (0 to 1) how far it is, where known.
    """

    def __init__(
        self, stage: str, progress: float | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(f"the worker is not ready: {stage}")
        self.stage = stage
        self.progress = progress
        self.retry_after = retry_after


# Malformed, unprocessable, not implemented: servers say it with each of them.
_REFUSALS_OF_FORM = (400, 422, 501)


class WorkerRefused(ClientError):
    """The worker refused this request; the same request will be refused again.

    Except for status 429, which may be tried again after `retry_after` seconds.
    """

    def __init__(
        self,
        status: int,
        code: str | None,
        message: str,
        *,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.retry_after = retry_after

    @property
    def is_of_form(self) -> bool:
        """Whether a field or the order of the turns may be to blame: another form may be taken."""
        return self.status in _REFUSALS_OF_FORM


class WorkerUnusable(WorkerRefused):
    """A setting is to blame: the key or the address. Every request will be refused."""


class WorkerDied(ClientError):
    """The answer ended early: the connection was lost, or the worker failed."""
