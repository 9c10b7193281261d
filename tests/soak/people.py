"""People who ask, wait for their answer, think, and ask again."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.bot.wire.reading import is_done, shown
from tests.discord_server.driver import Discord
from tests.discord_server.state.messages import Message
from tests.discord_server.state.places import Channel, User
from tests.soak.measures import Samples

WORDS = [
    "sea",
    "moon",
    "tea",
    "rain",
    "train",
    "violin",
    "bread",
    "winter",
    "market",
    "garden",
    "letter",
    "window",
    "story",
]
ANSWER_LIMIT_S = 120.0


@dataclass(eq=False)
class Asked:
    """One question and when it was asked; `answer` is its last message once it is done."""

    message: Message
    text: str
    at: float
    answer: Message | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def sign_at(self) -> float | None:
        """When the person saw first that something comes: typing, or text."""
        typed = [at for at in self.message.channel.typed_at if at >= self.at][:1]
        texts = [self.answer.revisions[0].at] if self.answer else []
        return min([*typed, *texts], default=None)


@dataclass
class Crowd:
    """Everybody; what is measured of them."""

    discord: Discord
    rng: random.Random
    thinking_s: float
    asked: list[Asked] = field(default_factory=list)
    whole_answer: Samples = field(default_factory=Samples)
    lost: list[str] = field(default_factory=list)
    waiting: dict[int, Asked] = field(default_factory=dict)  # by the question's id

    def __post_init__(self) -> None:
        self.discord.world.listeners.append(self._see)

    @property
    def first_sign(self) -> Samples:
        """From each question to the first sign."""
        signs = [(one.at, one.sign_at) for one in self.asked]
        return Samples([sign - at for at, sign in signs if sign is not None])

    async def live(self, user: User, room: Channel, end_at: float) -> None:
        """One person's time until the end."""
        clock = self.discord.world.clock
        pause = self.rng.uniform(0, self.thinking_s)
        while clock() + pause < end_at:
            await asyncio.sleep(pause)
            await self._ask(user, room)
            pause = self.rng.expovariate(1 / self.thinking_s)

    async def _ask(self, user: User, room: Channel) -> None:
        text = f"{len(self.asked)}: " + " ".join(self.rng.choices(WORDS, k=self.rng.randint(3, 40)))
        at = self.discord.now
        message = await self.discord.say(room, user, f"{self.discord.me.mention} {text}")
        one = Asked(message, text, at)
        self.asked.append(one)
        self.waiting[message.id] = one
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                await one.done.wait()
        except TimeoutError:
            self.lost.append(f"{text!r} has no answer after {ANSWER_LIMIT_S:g} s")
        else:
            self.whole_answer.add(self.discord.now - at)
        finally:
            del self.waiting[message.id]

    def _see(self, message: Message) -> None:
        if message.reference is None or not is_done(message):
            return
        one = self.waiting.get(message.reference.id)
        if one is not None:
            one.answer = message
            one.done.set()

    def wrong(self) -> Iterator[str]:
        """Answers that are missing, doubled or not what the script says."""
        yield from self.lost
        replies: dict[Message, list[Message]] = {}
        for one in self.asked:
            if one.message not in replies:
                replies |= self._replies(one.message.channel)
            answers = replies.get(one.message, [])
            if len(answers) != 1:
                yield f"{one.text!r} has {len(answers)} answers"
            elif shown(answers) != f"tuned: {one.text}":
                yield f"{one.text!r} was answered by {shown(answers)!r}"

    def _replies(self, room: Channel) -> dict[Message, list[Message]]:
        """The bot's replies in a channel, by what they reply to."""
        found: dict[Message, list[Message]] = {}
        for message in self.discord.from_bot(room):
            if message.reference is not None:
                found.setdefault(message.reference, []).append(message)
        return found
