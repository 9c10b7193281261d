"""Takes people's questions: admits them, hands them to the chat and shows their answers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import discord
from discord.abc import Snowflake

from bot.chat.conversation import Utterance
from bot.chat.events import Ask
from bot.chat.persistence import Persistence
from bot.chat.ticket import Ticket
from bot.discord.answer.delivery import Delivery, Means
from bot.discord.answer.outlet import Outlet
from bot.discord.answer.pacing import Paces
from bot.discord.api.rate_limits import RestResponse
from bot.discord.api.refusals import RefusalLog
from bot.discord.asking.admission import Admission
from bot.discord.identity import FRONT_END, conversation_id, settings_channel, user_id
from bot.discord.incoming.history import History
from bot.discord.incoming.message_cache import MessageCache
from bot.discord.rules import persona_of
from bot.front_end import Services
from data.records import Answer, Turn

_log = logging.getLogger(__name__)
_TOO_MANY = 429
_UNKNOWN_PAUSE_S = 1.0
AnswerListener = Callable[[discord.PartialMessage], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class UserQuestion:
    """What a person wants answered, by a message, a command or a button.

    `key` is the source key of the message or interaction. `history` is what was said before.
    `variant` is a variant asked for by name. `notices` are remarks to show with the answer.
    `turns` are the model's turns where they are known already, as when the same is asked again.
    `thread` is the id of the thread in which the answer will stand, where it gets one of its own.
    """

    key: str
    person: discord.abc.User
    channel: Snowflake
    text: str
    history: tuple[Utterance, ...] = ()
    variant: str | None = None
    notices: tuple[str, ...] = ()
    turns: tuple[Turn, ...] | None = None
    thread: int | None = None


@dataclass(slots=True)
class _Shown:
    ticket: Ticket
    task: asyncio.Task[None] | None = field(default=None)


class Desk:
    """Everything that asks goes through the one desk of a bot.

    `on_answer` is awaited with the last message of each answer that is shown. What the desk has
    started ends in `close`.
    """

    def __init__(
        self, client: discord.Client, services: Services, on_answer: AnswerListener
    ) -> None:
        self.services = services
        self.paces = Paces()
        self.cache = MessageCache()
        self.history = History(
            client, services.store, self.cache, services.settings.history_max_turns
        )
        self._admission = Admission(services)
        self._client = client
        self._on_answer = on_answer
        self._shown: dict[str, _Shown] = {}
        self._beginning: set[str] = set()
        self._persistence = Persistence()
        self.refusals = RefusalLog()
        self._means = Means(
            services.store, services.board, self.paces, self._answered,
            refusals=self.refusals, persistence=self._persistence,
        )  # fmt: skip

    async def ask(self, question: UserQuestion, outlet: Outlet) -> Ticket | None:
        """Accept a question and begin to show its answer in `outlet`; gives the ticket.

        Gives None if the question was accepted before. Raises UserError, with a line for the
        person, or StoreError.
        """
        key = question.key
        if key in self._beginning or key in self._shown:
            return None
        self._beginning.add(key)
        try:
            if await self.services.store.request_from(key) is not None:
                return None  # an event that Discord sent twice
            variant = await self._admission.admit(
                question.person, question.channel, question.variant
            )
            ticket = await self.services.chat.submit(await self._ask(question, variant))
            self.show(ticket, outlet, notices=question.notices)
        finally:
            self._beginning.discard(key)
        return ticket

    async def reword(self, question: UserQuestion) -> bool:
        """Replace a question that still waits by its new wording; false if it does not wait.

        Raises UserError or StoreError, as `ask` does; then the old wording stays.
        """
        ticket = self.live(question.key)
        if ticket is None or ticket.started or ticket.outcome is not None:
            return False
        ask = await self._ask(question, ticket.request.variant)
        return await self.services.chat.reword(ticket, ask)

    def show(
        self,
        ticket: Ticket,
        outlet: Outlet,
        *,
        notices: Sequence[str] = (),
        look: Callable[[], Awaitable[Sequence[int]]] | None = None,
    ) -> None:
        """Begin to show a ticket; `notices` are those of Delivery.

        `look` is awaited first, and gives the ids of the messages that show it already.
        """

        async def deliver() -> None:
            known = () if look is None else await look()
            await Delivery(ticket, outlet, self._means, notices=notices, known=known).run()

        key = ticket.request.source_key
        shown = self._shown[key] = _Shown(ticket)
        shown.task = asyncio.create_task(self._deliver(key, deliver()), name=f"show {key}")

    def live(self, source_key: str) -> Ticket | None:
        """The ticket of the question with this key, if it is being shown."""
        shown = self._shown.get(source_key)
        return shown.ticket if shown else None

    def live_request(self, request_id: int) -> Ticket | None:
        """The ticket of the request with this id, if it is being shown."""
        tickets = (shown.ticket for shown in self._shown.values())
        return next((one for one in tickets if one.request.id == request_id), None)

    def hear(self, response: RestResponse) -> None:
        """Learn from a REST answer how often its channel may be edited."""
        if (bucket := response.edited) is None:
            return
        pace, now = self.paces.of(bucket), asyncio.get_running_loop().time()
        if response.status == _TOO_MANY:
            pace.refused(response.retry_after_s or _UNKNOWN_PAUSE_S, now)
        elif response.remaining is not None and response.reset_after_s is not None:
            pace.limits(response.remaining, response.reset_after_s, now)

    async def close(self, limit_s: float) -> None:
        """Wait until everything is shown, at most `limit_s` seconds, then cancel the rest."""
        self._persistence.leave()
        tasks = [shown.task for shown in self._shown.values() if shown.task is not None]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=limit_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, question: UserQuestion, variant: str | None) -> Ask:
        channel = question.channel
        return Ask(
            source_key=question.key,
            conversation=conversation_id(
                channel if question.thread is None else discord.Object(question.thread)
            ),
            front_end=FRONT_END,
            user_id=user_id(question.person),
            user_name=question.person.display_name,
            text=question.text,
            variant=variant,
            persona=await persona_of(self.services.store, channel),
            history=question.history,
            channel_id=settings_channel(channel),
            turns=question.turns,
        )

    async def _deliver(self, key: str, showing: Coroutine[Any, Any, None]) -> None:
        """Show one request; what goes wrong is logged and ends here."""
        try:
            await showing
        except Exception:  # noqa: BLE001 - it is logged, and the next start shows it
            _log.exception("what %s asked could not be shown", key)
        finally:
            self._shown.pop(key, None)

    async def _answered(self, _answer: Answer, channel_id: int, message_id: int) -> None:
        channel = self._client.get_partial_messageable(channel_id)
        await self._on_answer(channel.get_partial_message(message_id))
