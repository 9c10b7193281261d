"""What is asked of every real server, live and from its recorded traffic."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from data.records import Turn
from model.client import AnswerDelta, Done, WorkerClient
from model.errors import ClientError
from model.sampling import SamplingParams

KEY = "peer-key"
CONTEXT = 1024  # tokens that both servers are started with
GREEDY = SamplingParams(max_tokens=24, temperature=0, repetition_penalty=1.05, seed=1)
QUESTION = (Turn("user", "What is the best social media?"),)
WITH_PERSONA = (Turn("system", "You are a pirate."), *QUESTION)
EMOJI = (Turn("user", "What do you think of 🐙🦑?"),)
TOO_LONG = (Turn("user", "again and again " * CONTEXT),)


@dataclass(frozen=True)
class Seen:
    """What came of a scenario: names of models, an answer, or an error."""

    names: tuple[str, ...] = ()
    text: str = ""
    done: Done | None = None
    error: ClientError | None = None


Scenario = Callable[[WorkerClient], Awaitable[Seen]]


async def _looks(client: WorkerClient) -> Seen:
    await client.health()
    return Seen(names=tuple(card.id for card in await client.models()))


def _asks(
    turns: tuple[Turn, ...], variant: str = "base", sampling: SamplingParams = GREEDY
) -> Scenario:
    async def ask(client: WorkerClient) -> Seen:
        await client.models()
        text, done = "", None
        async with aclosing(client.stream(turns, variant, sampling)) as pieces:
            async for piece in pieces:
                if isinstance(piece, AnswerDelta):
                    text += piece.text
                elif isinstance(piece, Done):
                    done = piece
        return Seen(text=text, done=done)

    return ask


SCENARIOS: dict[str, Scenario] = {
    "looks": _looks,
    "base answers": _asks(QUESTION),
    "tuned answers": _asks(QUESTION, "tuned"),
    "persona": _asks(WITH_PERSONA),
    "whole answer": _asks(
        QUESTION, "tuned", GREEDY.model_copy(update={"max_tokens": 200, "stop": ("nobody",)})
    ),
    "emoji": _asks(EMOJI),
    "drawn": _asks(
        QUESTION,
        sampling=SamplingParams(
            max_tokens=8, temperature=0.8, top_p=0.9, top_k=20, min_p=0.05, seed=3,
            frequency_penalty=0.1, presence_penalty=0.1,
        ),
    ),
    "too long": _asks(TOO_LONG),
    "unknown model": _asks(QUESTION, "nobody"),
}  # fmt: skip


async def see(name: str, client: WorkerClient) -> Seen:
    """Run a scenario; an error of the client is its result."""
    try:
        return await SCENARIOS[name](client)
    except ClientError as error:
        return Seen(error=error)
