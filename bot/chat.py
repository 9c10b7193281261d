"""The chat turn without a front end: an ask goes in, events come out, an answer is stored."""

import random

from bot.clock import Clock
from bot.events import Ask
from bot.settings import BotSettings
from bot.ticket import Ticket
from bot.variants import Variants
from bot.worker_api import AnswerSource, WorkerWatch
from data.store import Store


class Chat:
    """Takes asks, answers them fairly and durably through the worker, stores the answers.

    Life: create, `resume()` once, `run()` as a task of the caller, `submit` at any time in
    between, `aclose()`. Every accepted request ends with exactly one Finished or Ended, and is
    answered at most once even when the process is killed.

    `rng` draws the seeds. `watch` says when the worker is ready and hears about its failures.
    """

    def __init__(
        self,
        store: Store,
        worker: AnswerSource,
        settings: BotSettings,
        watch: WorkerWatch,
        *,
        clock: Clock = Clock(),
        rng: random.Random,
    ) -> None:
        raise NotImplementedError

    @property
    def variants(self) -> Variants:
        """Which variants there are and which is active for whom."""
        raise NotImplementedError

    async def submit(self, ask: Ask) -> Ticket:
        """Accept `ask`, stored before this returns; the same `source_key` gives the same request.

        Raises EmptyPrompt, PromptTooLong, UnknownVariant, QueueFull, TooManyWaiting or
        ShuttingDown (all UserError), or StoreError when it could not be stored. Cancelling the
        call does not take back a request that was being stored.
        """
        raise NotImplementedError

    async def resume(self) -> list[Ticket]:
        """Take up what an earlier process left: one ticket each, oldest first.

        Waiting and interrupted requests wait again (an interrupted answer starts from its
        beginning); those older than `REQUEST_TTL_S` have ended as EXPIRED, and those interrupted
        too often as FAILED: their tickets carry the Ended event already.
        """
        raise NotImplementedError

    async def run(self) -> None:
        """Answer requests until `aclose()`. Cancelling it parks what runs, as aclose does."""
        raise NotImplementedError

    async def aclose(self, drain_s: float | None = None) -> None:
        """Stop: take nothing new, let what runs finish for `drain_s`, park the rest, return.

        `drain_s` None means the setting `DRAIN_S`. Parked and waiting requests stay in
        the store for the next start; their tickets end with Ended(WAITING). Safe to call twice.
        """
        raise NotImplementedError
