"""What goes into a chat turn (`Ask`) and what comes out of it (`Event`)."""

from dataclasses import dataclass

from bot.chat.conversation import Utterance
from data.records import Answer, Request, RequestState, Turn


@dataclass(frozen=True, slots=True)
class Ask:
    """A person's wish for an answer, as a front end hands it to `Chat.submit`.

    `source_key` names the cause (such as a message's id) and makes submitting idempotent: the same
    key never gives two answers. `variant` None means the one active for this person and
    conversation. `persona` None means the setting `PERSONA`. `history` None means the
    conversation's earlier answers from the store; a front end that knows better (a reply chain)
    hands in what was said before this prompt. `in_history` False keeps this prompt and answer
    out of later conversations, as for two models side by side. `channel_id` is where a variant
    may have been set for everybody. `turns` are what the model is asked, where that is known
    already, as for the same question to another variant: `persona` and `history` do not count then.
    """

    source_key: str
    conversation: str
    front_end: str
    user_id: str
    user_name: str
    text: str
    variant: str | None = None
    in_history: bool = True
    persona: str | None = None
    history: tuple[Utterance, ...] | None = None
    channel_id: str | None = None
    turns: tuple[Turn, ...] | None = None


@dataclass(frozen=True, slots=True)
class Queued:
    """It waits. `position` 1 is the next to start; `estimate_s` seconds until then, None unknown.

    Always the first event of a request that has not started, and sent again when the position
    changes (it can grow: people who wait for their first answer go before others' second).
    """

    request_id: int
    position: int
    estimate_s: float | None


@dataclass(frozen=True, slots=True)
class Started:
    """The worker has been asked; text may come from now on. Sent once."""

    request_id: int


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the answer, never empty, without control characters but newline and tab."""

    text: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """The text so far is void and the answer begins again; `reason` can be shown to the person."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event: `answer` is stored. `request.state` STOPPED means it was cut short."""

    answer: Answer
    request: Request


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event when no answer is stored: `state` is STOPPED, EXPIRED or FAILED.

    `message` is one line for the person. WAITING means that the bot is stopping and will take the
    request up again at its next start.
    """

    state: RequestState
    message: str


Event = Queued | Started | Delta | Restarted | Finished | Ended
