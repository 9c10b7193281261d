"""What the chat needs of the worker: answers, and word on whether it is up."""

from collections.abc import AsyncGenerator, Iterable
from typing import Protocol

from model.client import AnswerDelta, Done, TurnLike
from model.protocol import ModelCard
from model.sampling import SamplingParams


class AnswerSource(Protocol):
    """The part of `model.client.WorkerClient` that the chat uses; raises ClientError's children.

    A front end whose worker changes its address at a restart hands in an object that forwards to
    the current client.
    """

    async def models(self) -> list[ModelCard]:
        """The variants on offer."""
        ...

    def stream(
        self, turns: Iterable[TurnLike], variant: str, sampling: SamplingParams
    ) -> AsyncGenerator[AnswerDelta | Done, None]:
        """Yield the answer's deltas, then one Done; closing it frees the worker."""
        ...


class WorkerWatch(Protocol):
    """Whoever looks after the worker, such as the supervisor."""

    async def wait_ready(self) -> None:
        """Return when the worker is ready (at once if it is); the caller sets the time limit.

        Raises WorkerGone, with a line for people, when waiting has no sense any more.
        """
        ...

    def report_unavailable(self, reason: str) -> None:
        """A call just failed because the worker was away, loading or died in the middle.

        Returns at once. Afterwards `wait_ready` looks anew instead of trusting what it knew.
        """
        ...

    def report_stall(self, reason: str) -> None:
        """An answer got no text for `WORKER_STALL_S`: the worker hangs. Returns at once."""
        ...
