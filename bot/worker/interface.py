"""What the chat needs of the worker: answers, and to know whether it is ready."""

from collections.abc import AsyncGenerator, Iterable
from typing import Protocol

from model.client import AnswerDelta, Done, ThoughtDelta, TurnLike
from model.protocol.cards import ModelCard
from model.sampling import SamplingParams


class AnswerSource(Protocol):
    """The part of `model.client.WorkerClient` that the chat uses; both methods raise ClientError.

    The bot's own worker has another address after each restart, so `WorkerLink` stands between
    and forwards to the present client.
    """

    async def models(self) -> list[ModelCard]:
        """The variants that the worker serves."""
        ...

    def stream(
        self, turns: Iterable[TurnLike], variant: str, sampling: SamplingParams
    ) -> AsyncGenerator[AnswerDelta | ThoughtDelta | Done, None]:
        """Yield the answer's deltas, then one Done. Closing the generator frees the worker."""
        ...


class WorkerWatch(Protocol):
    """Knows whether the worker is ready, and is told when it fails."""

    async def wait_ready(self) -> None:
        """Return when the worker is ready, at once if it is; the caller sets the time limit.

        Raises WorkerGone, with a line for people, when the worker will not become ready.
        """
        ...

    def report_unavailable(self, reason: str) -> None:
        """Hear that a call failed because the worker was away, loading or died. Returns at once.

        After this `wait_ready` looks at the worker again before it returns.
        """
        ...

    def report_stall(self, reason: str) -> None:
        """Hear that an answer got no text for `WORKER_STALL_S` seconds. Returns at once."""
        ...
