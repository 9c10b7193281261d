"""Takes people's questions: admits them, hands them to the chat and shows their answers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import discord
from discord.abc import Snowflake

from bot.chat.conversation import Utterance
from bot.chat.events import Ask
from bot.chat.people import Person
from bot.chat.persistence import Persistence
from bot.chat.ticket import Ticket
from bot.discord.answer.delivery import Delivery, Means
from bot.discord.answer.outlet import Outlet
from bot.discord.answer.pacing import Paces
from bot.discord.api.rate_limits import RestResponse
from bot.discord.api.refusals import RefusalLog
from bot.discord.asking.admission import Admission
from bot.discord.following.doubts import Doubts
from bot.discord.following.open_questions import OpenQuestions
from bot.discord.following.taking_back import TakingBack
from bot.discord.identity import (
    FRONT_END,
    conversation_id,
    question_key,
    settings_channel,
    user_id,
)
from bot.discord.incoming.history import History
from bot.discord.incoming.message_cache import MessageCache
from bot.discord.incoming.questions import Questions
from bot.discord.rules import note_call, persona_of
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
    `mentioned` are the people whose mentions stand in `text`.
    `name` is what the person is called here, if not by their own name. `is_call`: the person
    called the bot, and did not merely speak where it answers everything. `is_counted`: the ask
    counts towards the person's limits.
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
    mentioned: tuple[Person, ...] = ()
    name: str | None = None
    is_call: bool = True
    is_counted: bool = True


@dataclass(eq=False, slots=True)
class Showing:
    """An answer that is being shown; `forget`: once withdrawn, its question is not kept either."""

    ticket: Ticket
    delivery: Delivery
    task: asyncio.Task[None] | None = field(default=None)
    forget: bool = False

    @property
    def key(self) -> str:
        """The source key of the request."""
        return self.ticket.request.source_key

    def withdraw(self, *, forget: bool) -> None:
        """Stop it, and take away what is shown of it, as soon as that is possible."""
        self.forget = self.forget or forget
        self.ticket.withdraw()


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
        self.questions = Questions(client, self.history, self.cache)
        self.admission = Admission(client, services)
        self._client = client
        self._on_answer = on_answer
        self._shown: dict[str, Showing] = {}
        self._beginning: set[str] = set()
        self._persistence = Persistence()
        self.refusals = RefusalLog()
        self.open_questions = OpenQuestions()
        self.doubts = Doubts()
        self.taking_back = TakingBack(client, services.store)
        self._means = Means(
            services.store, services.board, self.paces, self._answered,
            refusals=self.refusals, persistence=self._persistence,
        )  # fmt: skip

    async def ask(self, question: UserQuestion, outlet: Outlet) -> Ticket | None:
        """Accept a question and begin to show its answer in `outlet`; as `accept` otherwise."""
        ticket = await self.accept(question)
        if ticket is not None:
            self.show(ticket, outlet, notices=question.notices)
        return ticket

    async def accept(self, question: UserQuestion) -> Ticket | None:
        """Accept a question, which is stored then; gives the ticket, to be handed to `show`.

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
            async with self.admission.turn(question.person):
                variant = await self.admission.admit(
                    question.person, question.channel, question.variant, counts=question.is_counted
                )
                if question.is_call:
                    await note_call(self.services.store, question.channel)
                return await self.services.chat.submit(await self._ask(question, variant))
        finally:
            self._beginning.discard(key)

    async def reword(
        self, ticket: Ticket, composing: Callable[[], Awaitable[UserQuestion]]
    ) -> bool:
        """Ask what `composing()` gives instead; false if the request has ended.

        From this call on the old wording is not answered. Raises UserError or StoreError; then the
        old wording counts again.
        """

        async def asking() -> Ask:
            return await self._ask(await composing(), ticket.request.variant)

        return await self.services.chat.reword(ticket, asking)

    def show(
        self,
        ticket: Ticket,
        outlet: Outlet,
        *,
        notices: Sequence[str] = (),
        look: Callable[[], Awaitable[Sequence[int]]] | None = None,
    ) -> Showing:
        """Begin to show a ticket; `notices` and `look` are those of Delivery."""
        delivery = Delivery(ticket, outlet, self._means, notices=notices, look=look)
        shown = Showing(ticket, delivery)
        self._shown[shown.key] = shown
        shown.task = asyncio.create_task(self._deliver(shown), name=f"show {shown.key}")
        return shown

    @property
    def showings(self) -> list[Showing]:
        """Everything that is being shown."""
        return list(self._shown.values())

    def about(self, key: str) -> list[Showing]:
        """What is being shown about the question with this key, also after edits of it."""
        return [shown for shown in self._shown.values() if question_key(shown.key) == key]

    def live_request(self, request_id: int) -> Showing | None:
        """The request with this id, if it is being shown."""
        shown = self._shown.values()
        return next((one for one in shown if one.ticket.request.id == request_id), None)

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
            user_name=question.name or question.person.display_name,
            text=question.text,
            variant=variant,
            persona=await persona_of(self.services.store, channel),
            history=question.history,
            channel_id=settings_channel(channel),
            turns=question.turns,
            mentioned=question.mentioned,
            own_names=self._own_names(channel),
            is_counted=question.is_counted,
        )

    def _own_names(self, channel: Snowflake) -> tuple[str, ...]:
        """What the bot is called where it is asked."""
        me, guild = self._client.user, getattr(channel, "guild", None)
        here = guild.me if isinstance(guild, discord.Guild) else None
        return tuple(one.display_name for one in (me, here) if one is not None)

    async def _deliver(self, shown: Showing) -> None:
        """Show one request; what goes wrong is logged and ends here."""
        request = shown.ticket.request
        try:
            await shown.delivery.run()
            if shown.ticket.withdrawn:
                messages = shown.delivery.messages
                await self.taking_back.take_back(request.id, messages, forget=shown.forget)
        except Exception:  # noqa: BLE001 - it is logged, and the next start shows it
            _log.exception("what %s asked could not be shown", shown.key)
        finally:
            self._shown.pop(shown.key, None)

    async def _answered(self, _answer: Answer, channel_id: int, message_id: int) -> None:
        channel = self._client.get_partial_messageable(channel_id)
        await self._on_answer(channel.get_partial_message(message_id))
