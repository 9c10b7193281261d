"""How a worker is: its health, where it listens, and why it refuses a request."""

from typing import Literal

from model.protocol.shape import SentByWorker, Sparse


class ErrorBody(Sparse):
    """OpenAI's error object; `stage` and `progress` only while the worker is not ready."""

    optional = frozenset({"stage", "progress"})

    message: str
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None
    stage: str | None = None
    progress: float | None = None


class ErrorAnswer(SentByWorker):
    """Body of every answer that is an error."""

    error: ErrorBody


class Health(SentByWorker):
    """Body of GET /health.

    `stage` says what the worker is doing and `progress`, from 0 to 1, how far it is while it
    loads; `error` is why it failed. `busy_s` is how many seconds the current step has been
    running; `running` and `waiting` count rows.
    """

    status: Literal["loading", "ok", "draining", "failed"]
    stage: str = ""
    progress: float | None = None
    error: str | None = None
    model_id: str | None = None
    busy_s: float = 0.0
    running: int = 0
    waiting: int = 0


class Listening(SentByWorker):
    """The only line that the worker prints on standard output, as soon as it listens."""

    event: Literal["listening"] = "listening"
    host: str
    port: int
