"""One person's chat at this machine: what the commands do, without showing it."""

import getpass
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.chat.chat import Chat
from bot.chat.conversation import going_on
from bot.chat.events import Ask
from bot.chat.ticket import Ticket
from bot.chat.variants import BASE
from bot.errors import NothingToRate, UserError
from bot.front_end import FrontEndName
from bot.ratings.emoji import parse_kind
from bot.ratings.statistics import Figures, figures
from bot.terminal.commands import AskBoth, AskPersona, GoOn, RateAnswer, Say
from bot.terminal.persona import ConversationPersona
from bot.text import clean_name
from data.records import Answer, RatingKind, Turn
from data.store.store import Store

LENGTH = "length"  # the finish reason of an answer that reached MAX_TOKENS
_REMEMBERED = 500  # answers that can be rated by their number


@dataclass(frozen=True, slots=True)
class Place:
    """Who talks at this machine, and in which conversation; requests are stored under both."""

    front_end: str
    conversation: str
    user_id: str
    user_name: str


def terminal_place() -> Place:
    """The one conversation of the terminal, which goes on after a restart."""
    name = FrontEndName.TERMINAL
    return Place(name, name, name, _login_name())


def piped_place() -> Place:
    """A new conversation for each run, so that what a script gets depends on its input alone.

    The person is the same as in the terminal.
    """
    name = FrontEndName.PIPE
    return Place(name, f"{name}:{uuid.uuid4()}", FrontEndName.TERMINAL, _login_name())


@dataclass(frozen=True, slots=True)
class Rated:
    """What a rating did; `changed` is false when the person had rated the answer so before."""

    answer: Answer
    kind: RatingKind
    changed: bool


class Session:
    """Does what the commands say, for one person in one conversation.

    Every method raises UserError, with a line for the person, when something cannot be done, and
    StoreError when the store fails.
    """

    def __init__(self, chat: Chat, store: Store, place: Place) -> None:
        self._chat = chat
        self._store = store
        self._place = place
        self._persona = ConversationPersona(store, place.conversation, place.user_id)
        self._seen: OrderedDict[int, Answer] = OrderedDict()
        self._last: tuple[Answer, ...] = ()

    async def active(self) -> str:
        """The name of the variant that answers here."""
        return await self._chat.variants.active(self._place.user_id, self._place.conversation)

    async def known(self) -> tuple[str, ...]:
        """The names of all variants, the base first."""
        return tuple(variant.name for variant in await self._chat.variants.known())

    async def choose(self, name: str) -> None:
        """Let `name` answer in this conversation from now on."""
        await self._chat.variants.choose("conversation", self._place.conversation, name)

    async def begin(self, command: Say | AskBoth | GoOn) -> tuple[Ticket, ...]:
        """Ask what a command asks for; each ticket follows one answer."""
        match command:
            case Say(text):
                return (await self.say(text),)
            case AskBoth(prompt):
                return await self.ask_both(prompt)
            case GoOn():
                return (await self.go_on(),)

    async def say(self, text: str) -> Ticket:
        """Ask the active variant; the ticket follows the answer."""
        return await self._submit(text, None, in_history=True)

    async def ask_both(self, prompt: str) -> tuple[Ticket, Ticket]:
        """Ask the base and the tuned model at once; neither answer enters the history."""
        other = await self._opponent()
        first = await self._submit(prompt, BASE, in_history=False)
        try:
            return first, await self._submit(prompt, other, in_history=False)
        except BaseException:
            first.stop()  # one half alone is not what was asked for
            raise

    async def go_on(self) -> Ticket:
        """Let the model go on with the last answer, which must have been cut at its limit."""
        answer = await self._newest()
        request = await self._store.request(answer.request_id)
        if answer.finish_reason != LENGTH or not (answer.text and request.turns):
            raise UserError("The last answer was not cut off, so there is nothing to go on with.")
        turns = going_on(request, answer)
        return await self._submit(
            request.prompt, answer.variant, in_history=request.in_history, turns=turns
        )

    async def persona(self, command: AskPersona) -> str:
        """Show or change who the model is told to be; gives what to say about it."""
        return await self._persona.do(command)

    async def reset(self) -> None:
        """Begin a new conversation: what was said before is not shown to the model again."""
        await self._store.reset(self._place.conversation)
        self._last = ()

    async def stats(self) -> list[Figures]:
        """The ratings' figures of every variant that has answered."""
        return [figures(tally) for tally in await self._store.tallies()]

    def saw(self, answers: Iterable[Answer]) -> None:
        """Remember answers that have just been shown; a rating without a number means these."""
        shown = tuple(answers)
        self._last = shown or self._last
        for answer in shown:
            self._seen[answer.id] = answer
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    async def rate(self, command: RateAnswer) -> Rated:
        """Store a rating of the answer that the command means.

        Without a number or variant that is the answer shown last, or the conversation's newest.
        👍 takes the place of this person's 👎, and the other way round. Raises BadRating or
        NothingToRate, or another UserError when it is not clear which answer is meant.
        """
        kind = parse_kind(command.rating)
        answer = await self._meant(command)
        changed = await self._store.rate(answer.id, self._place.user_id, kind)
        return Rated(answer, kind, changed)

    async def _meant(self, command: RateAnswer) -> Answer:
        if command.which is not None:
            return self._named(command.which)
        if len(self._last) > 1:
            ways = " or ".join(f"/rate {command.rating} {one.variant}" for one in self._last)
            raise UserError(f"Which of the two? {ways}")
        answer = await self._shown_last()
        if answer is None:
            raise NothingToRate
        return answer

    async def _newest(self) -> Answer:
        """The one answer that was shown last."""
        if len(self._last) > 1:
            raise UserError("There are two last answers, and I can go on with one only.")
        answer = await self._shown_last()
        if answer is None:
            raise UserError("There is no answer here yet. Ask me something first.")
        return answer

    async def _shown_last(self) -> Answer | None:
        if self._last:
            return self._last[0]
        return await self._store.last_answer(self._place.conversation)

    def _named(self, which: str) -> Answer:
        if which.isascii() and which.isdigit():
            answer = self._seen.get(int(which[:18]))
            if answer is None:
                raise UserError(f"No answer #{which[:18]} was shown since the start.")
            return answer
        for answer in self._last:
            if answer.variant == which:
                return answer
        raise UserError(f"The last answer is not from {which[:40]!r}. {_numbers(self._last)}")

    async def _opponent(self) -> str:
        active = await self.active()
        others = [name for name in await self.known() if name != BASE]
        if not others:
            raise UserError("There is only the base model here: ADAPTERS names no other.")
        return active if active in others else others[0]

    async def _submit(
        self,
        text: str,
        variant: str | None,
        *,
        in_history: bool,
        turns: tuple[Turn, ...] | None = None,
    ) -> Ticket:
        place = self._place
        return await self._chat.submit(
            Ask(
                source_key=f"{place.front_end}:{uuid.uuid4()}",
                conversation=place.conversation,
                front_end=place.front_end,
                user_id=place.user_id,
                user_name=place.user_name,
                text=text,
                variant=variant,
                in_history=in_history,
                turns=turns,
                persona=await self._persona.text(),
            )
        )


def _numbers(answers: Sequence[Answer]) -> str:
    if not answers:
        return "Rate by number: /rate good 1"
    return "There is: " + ", ".join(f"{answer.variant} (#{answer.id})" for answer in answers)


def _login_name() -> str:
    try:
        return clean_name(getpass.getuser())
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        return FrontEndName.TERMINAL
