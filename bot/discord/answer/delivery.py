"""Showing one request to the person who asked, from waiting to its end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import discord

from bot.chat.conversation import is_continuation
from bot.chat.events import Ended, Finished, Written
from bot.chat.persistence import Persistence
from bot.chat.ticket import Ticket
from bot.discord import phrases
from bot.discord.answer.button_row import finished_row
from bot.discord.answer.closing import close
from bot.discord.answer.following import Following
from bot.discord.answer.insisting import TRANSIENT, TemporaryRefusal, insist
from bot.discord.answer.outlet import Outlet
from bot.discord.answer.pacing import Pace, Paces
from bot.discord.answer.picture import Picture, RequestProgress, picture
from bot.discord.answer.screen import Screen
from bot.discord.api.refusals import RefusalLog, Remedy, remedy
from bot.discord.identity import FRONT_END
from bot.worker.status import StatusBoard
from data.errors import StoreError
from data.records import Answer, NewAnswer, RequestMessage, RequestState
from data.store.store import Store

NOTE_AFTER_S = 1.0  # the typing sign is enough until then
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Means:
    """What every delivery of one bot works with.

    `answered` is called with each finished answer that is shown, the channel's id and the id of
    its last message. `refusals` tells the operator, `persistence` repeats writes.
    """

    store: Store
    board: StatusBoard
    paces: Paces
    answered: Callable[[Answer, int, int], Awaitable[None]]
    refusals: RefusalLog = field(default_factory=RefusalLog)
    persistence: Persistence = field(default_factory=Persistence)


class _Lost(Exception):
    """The messages or their channel are gone."""


class _RefusedError(Exception):
    """Discord does not take what the messages should show; `refusal` is what it said."""

    def __init__(self, refusal: discord.HTTPException) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class Delivery:
    """Shows one ticket in an outlet. Used once.

    `notices` are remarks for the person, shown with the answer. `look` is awaited first and gives
    the ids of messages that an earlier process sent for the same request: they are edited before
    new ones are sent.
    """

    def __init__(
        self,
        ticket: Ticket,
        outlet: Outlet,
        means: Means,
        *,
        notices: Sequence[str] = (),
        look: Callable[[], Awaitable[Sequence[int]]] | None = None,
    ) -> None:
        self._ticket = ticket
        self._outlet = outlet
        self._means = means
        request_id = ticket.request.id
        self._screen = Screen(outlet, request_id, self._note_message)
        self._look = look
        turns = ticket.request.turns
        self._progress = RequestProgress(
            request_id,
            notices=tuple(notices),
            goes_on_from=turns[-1].content if is_continuation(turns) else "",
        )
        self._following = Following(ticket, means.board, self._progress)
        self._is_noted = True
        self.has_shown_text = False  # whether anybody can have read some of the answer

    @property
    def messages(self) -> list[RequestMessage]:
        """The messages that it has on Discord."""
        return self._screen.messages

    async def run(self) -> None:
        """Show the request to its end; returns when that is shown, or cannot be shown."""
        if self._look is not None:
            self._screen.adopt(await self._look())
            self._following.awaits_text = self._screen.is_empty
        if self._ticket.withdrawn:
            await self._ticket.result()
            await self._outlet.end_typing()
            return
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
        except _RefusedError as refused:
            await self._close(refused.refusal)
        finally:
            following.cancel()
            await asyncio.gather(following, self._outlet.end_typing(), return_exceptions=True)

    async def _show_progress(self) -> None:
        """Show what there is until the text is complete and can be shown for good."""
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
        except TRANSIENT as error:
            _log.info("request %d: an edit failed: %s", self._ticket.request.id, type(error))
            self._pace.refused(1.0, loop.time())
            self._following.changed.set()
        else:
            await self._saw()
            self._pace.took(loop.time() - begun)

    async def _show(self, now: Picture) -> None:
        has_text = bool(self._progress.text.strip())
        try:
            await self._screen.show(now)
            self.has_shown_text = self.has_shown_text or has_text
        except discord.HTTPException as refusal:
            match remedy(refusal):
                case Remedy.LATER:
                    raise TemporaryRefusal from refusal
                case Remedy.GONE:
                    said = f"Discord said {refusal.status} ({refusal.code})"
                    raise _Lost(said) from refusal
                case _:
                    raise _RefusedError(refusal) from refusal
        finally:
            self._tell_operator(*self._outlet.mended)
            self._outlet.mended.clear()

    async def _show_end(self) -> None:
        """Show how the request ended, and once more where the store comes round to it later.

        Where the question was taken back, nothing is shown: whoever did that sees to the rest.
        """
        shown = await self._insist(self._show_last)
        if isinstance(self._progress.outcome, Written):
            await self._ticket.result()
            await self._following.ended()
            shown = await self._insist(self._show_last)
        if shown and not self._ticket.withdrawn:
            await self._note_delivered()
            await self._tell_of_answer()

    async def _show_last(self) -> None:
        if not self._ticket.withdrawn:
            await self._show(picture(self._progress))

    async def _insist(self, show: Callable[[], Awaitable[None]]) -> bool:
        number = self._ticket.request.id
        return await insist(
            show, lambda error: _log.warning(
                "request %d: its end could not be shown: %s", number, type(error)
            )
        )  # fmt: skip

    async def _close(self, refusal: discord.HTTPException) -> None:
        """End the request, and its messages with a line that says what Discord refused."""
        kind = remedy(refusal)
        self._tell_operator(refusal)
        self._ticket.stop()
        await self._ticket.settled()
        line = phrases.NOT_TAKEN
        if kind is Remedy.REWORD:
            line = phrases.REFUSED_ALL if self._screen.is_empty else phrases.REFUSED_REST
        elif kind is Remedy.FORBIDDEN:
            line = phrases.MAY_NOT_WRITE
        row = finished_row(self._ticket.request.id)

        async def last_look() -> None:
            if self._ticket.withdrawn:
                return
            try:
                await close(self._screen, phrases.small(line), row,
                            may_send=kind is not Remedy.FORBIDDEN)  # fmt: skip
            except discord.HTTPException as failure:
                raise TemporaryRefusal from failure

        await self._insist(last_look)
        await self._ticket.result()
        await self._note_delivered()

    def _tell_operator(self, *refusals: discord.HTTPException) -> None:
        for refusal in refusals:
            self._means.refusals.tell(self._outlet.channel_id, refusal)

    async def _note_message(self, message: RequestMessage) -> None:
        try:
            await self._means.store.add_request_message(self._ticket.request.id, FRONT_END, message)
        except StoreError as error:
            _log.error("a message of request %d is not noted: %s", self._ticket.request.id, error)

    async def _note_delivered(self) -> None:
        outcome = self._ticket.outcome
        match outcome:
            case None | Ended(RequestState.WAITING) | Ended(unkept=NewAnswer()):
                return  # the next start goes on with the same messages
            case Finished(answer) if answer.text:
                answer_id = answer.id
            case _:  # a message that says that there is no answer shows none to rate
                answer_id = None
        store, number, messages = self._means.store, self._ticket.request.id, self._screen.messages
        try:
            await self._means.persistence.write(
                lambda: store.delivered(number, FRONT_END, answer_id, messages)
            )
        except StoreError as error:
            self._is_noted = False
            _log.error("request %d is not noted as shown: %s", number, error)

    async def _tell_of_answer(self) -> None:
        """Let people rate an answer that says something, once its messages are known."""
        outcome, messages = self._progress.outcome, self._screen.messages
        if self._ticket.withdrawn or not isinstance(outcome, Finished):
            return
        is_whole = outcome.request.state is RequestState.FINISHED  # half an answer is not rated
        if is_whole and messages and outcome.answer.text and self._is_noted:
            last = messages[-1]
            await self._means.answered(outcome.answer, int(last.channel_id), int(last.message_id))

    async def _saw(self) -> None:
        await self._outlet.end_typing()
        self._following.awaits_text = self._screen.is_empty

    @property
    def _pace(self) -> Pace:
        return self._means.paces.of(self._outlet.bucket)
