"""Showing one request to the person who asked, from waiting to its end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import discord

from bot.chat.events import Ended, Finished
from bot.chat.ticket import Ticket
from bot.discord.answer.following import Following
from bot.discord.answer.outlet import Outlet
from bot.discord.answer.pacing import Pace, Paces
from bot.discord.answer.picture import Picture, RequestProgress, picture
from bot.discord.answer.screen import Screen
from bot.discord.api.endpoints import UNREACHABLE
from bot.discord.identity import FRONT_END
from bot.worker.status import StatusBoard
from data.errors import StoreError
from data.records import Answer, RequestMessage, RequestState
from data.store.store import Store

NOTE_AFTER_S = 1.0  # the typing sign is enough until then
LAST_EDIT_AGAIN_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0)  # seconds between tries
_LATER, _SERVER_ERRORS = (401, 429), 500  # with a token refused now, the next start goes on
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Means:
    """What every delivery of one bot works with.

    `answered` is called with each finished answer that is shown, the channel's id and the id of
    its last message.
    """

    store: Store
    board: StatusBoard
    paces: Paces
    answered: Callable[[Answer, int, int], Awaitable[None]]


class _TemporaryError(Exception):
    """Discord could not do it just now; a later try may work."""


_TRANSIENT = (_TemporaryError, discord.RateLimited, TimeoutError, *UNREACHABLE)


class _Lost(Exception):
    """The messages were deleted, or the bot may not write there any more."""


class Delivery:
    """Shows one ticket in an outlet. Used once.

    `notices` are remarks for the person, shown with the answer. `known` are the ids of messages
    that an earlier process sent for the same request: they are edited before new ones are sent.
    """

    def __init__(
        self,
        ticket: Ticket,
        outlet: Outlet,
        means: Means,
        *,
        notices: Sequence[str] = (),
        known: Sequence[int] = (),
    ) -> None:
        self._ticket = ticket
        self._outlet = outlet
        self._means = means
        request_id = ticket.request.id
        self._screen = Screen(outlet, request_id, self._note_message, known)
        self._progress = RequestProgress(request_id, notices=tuple(notices))
        self._following = Following(ticket, means.board, self._progress)
        self._following.awaits_text = self._screen.is_empty

    async def run(self) -> None:
        """Show the request to its end; returns when that is shown, or cannot be shown."""
        following = asyncio.create_task(self._following.run())
        self._outlet.begin_typing()
        try:
            await self._show_progress()
            await self._show_end()
        except _Lost as loss:
            _log.info("request %d is not shown any more: %s", self._ticket.request.id, loss)
            self._ticket.stop()
            await self._ticket.result()
            await self._note_delivered()
        finally:
            following.cancel()
            await asyncio.gather(following, self._outlet.end_typing(), return_exceptions=True)

    async def _show_progress(self) -> None:
        while self._progress.outcome is None:
            await self._following.changed.wait()
            self._following.changed.clear()
            if self._progress.outcome is None and self._now().contents:
                await self._pause()
                if self._progress.outcome is None:
                    await self._try(self._now())

    async def _pause(self) -> None:
        """Wait until the channel's next edit is due; a first text and the end do not wait."""
        if not self._screen.is_empty:
            seconds = self._pace.reserve(asyncio.get_running_loop().time())
        else:
            seconds = 0.0 if self._progress.text else NOTE_AFTER_S
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._following.hurry.wait()
        if self._progress.outcome is None:
            self._following.hurry.clear()

    def _now(self) -> Picture:
        """What should be seen now; while there is no text, the reason for that."""
        self._following.explain(something_is_seen=not self._screen.is_empty)
        return picture(self._progress)

    async def _try(self, now: Picture) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            await self._show(now)
        except _TRANSIENT as error:
            _log.info("request %d: an edit failed: %s", self._ticket.request.id, type(error))
            self._pace.refused(1.0, loop.time())
            self._following.changed.set()
        else:
            await self._saw()
            self._pace.took(loop.time() - begun)

    async def _show(self, now: Picture) -> None:
        try:
            await self._screen.show(now)
        except discord.HTTPException as refusal:
            if refusal.status in _LATER or refusal.status >= _SERVER_ERRORS:
                raise _TemporaryError from refusal
            raise _Lost(f"Discord said {refusal.status} ({refusal.code})") from refusal

    async def _show_end(self) -> None:
        """Show how the request ended; tried again for about four minutes where Discord fails."""
        for wait_s in (*LAST_EDIT_AGAIN_S, None):
            try:
                await self._show(picture(self._progress))
            except _TRANSIENT as error:
                if wait_s is None:
                    _log.warning("request %d: its end could not be shown: %s",
                                 self._ticket.request.id, type(error))  # fmt: skip
                    return
                await asyncio.sleep(wait_s)
            else:
                break
        await self._note_delivered()
        await self._tell_of_answer()

    async def _note_message(self, message: RequestMessage) -> None:
        try:
            await self._means.store.add_request_message(self._ticket.request.id, FRONT_END, message)
        except StoreError as error:
            _log.error("a message of request %d is not noted: %s", self._ticket.request.id, error)

    async def _note_delivered(self) -> None:
        outcome = self._ticket.outcome
        if outcome is None or (
            isinstance(outcome, Ended) and outcome.state is RequestState.WAITING
        ):
            return  # the next start goes on with the same messages
        answer = outcome.answer if isinstance(outcome, Finished) else None
        try:
            await self._means.store.delivered(
                self._ticket.request.id,
                FRONT_END,
                answer.id if answer else None,
                self._screen.messages,
            )
        except StoreError as error:
            _log.error("request %d is not noted as shown: %s", self._ticket.request.id, error)

    async def _tell_of_answer(self) -> None:
        outcome, messages = self._progress.outcome, self._screen.messages
        if isinstance(outcome, Finished) and messages and outcome.answer.text.strip():
            last = messages[-1]
            await self._means.answered(outcome.answer, int(last.channel_id), int(last.message_id))

    async def _saw(self) -> None:
        await self._outlet.end_typing()
        self._following.awaits_text = self._screen.is_empty

    @property
    def _pace(self) -> Pace:
        return self._means.paces.of(self._outlet.bucket)
