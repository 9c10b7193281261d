"""What goes into the chat (`Ask`), and the events that come out of it (`Event`)."""

from dataclasses import dataclass

from bot.chat.conversation import Utterance
from bot.chat.people import Person
from data.records import Answer, AnsweredState, NewAnswer, Request, RequestState, Turn


@dataclass(frozen=True, slots=True)
class Ask:
    """A person's prompt with all that belongs to it, as a front end hands it to `Chat.submit`.

    - `source_key` names the cause, such as a message's id: one key never gives two answers.
    - `variant`: None means the one that is active for this person and conversation.
    - `in_history`: False keeps prompt and answer out of later conversations, as for two models
      side by side.
    - `persona`: None means the setting `PERSONA`.
    - `history`: what was said before this prompt, as in a reply chain; None means the earlier
      requests of the conversation in the store.
    - `channel_id`: the channel whose choice of a variant counts.
    - `turns`: the very turns to ask the model with, as for the same question to another variant;
      `persona` and `history` are not used then.
    - `mentioned`: people whose mentions stand in `text`, see `people.mention`.
    - `is_counted`: False if it takes the place of an earlier ask where a person's are counted.
    - `own_names`: what the bot is called here; nobody else goes by that in the conversation.
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
    mentioned: tuple[Person, ...] = ()
    own_names: tuple[str, ...] = ()
    is_counted: bool = True


@dataclass(frozen=True, slots=True)
class Queued:
    """The request waits. At `position` 1 it is the next to start.

    `estimate_s` is about how many seconds that takes, None where unknown. This is always the first
    event of a request that has not started, and comes again when the position changes. It can
    grow, because people who wait for their first answer go before others' second.
    """

    request_id: int
    position: int
    estimate_s: float | None


@dataclass(frozen=True, slots=True)
class Started:
    """The worker is asked, so text may come from now on. Comes once."""

    request_id: int


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the answer, never empty, without control characters but newline and tab."""

    text: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """The answer begins again and the text so far is dropped; `reason` is for the person."""

    reason: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """The model thinks before it answers; what it thinks is nobody's to read. Comes once a try."""

    request_id: int


@dataclass(frozen=True, slots=True)
class Retracted:
    """The text so far was no answer but thought, and is dropped; the answer follows."""

    request_id: int


@dataclass(frozen=True, slots=True)
class Written:
    """The answer is all there and can be shown so, but it could not be stored yet.

    Comes only where the first write failed; Finished follows, or an Ended with `unkept`. `state`
    is how the request will have ended.
    """

    answer: NewAnswer
    state: AnsweredState


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of an answered request: `answer` is stored.

    `request.state` is FINISHED, or STOPPED when the answer was cut short.
    """

    answer: Answer
    request: Request


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event of a request without a stored answer; `message` is a line for the person.

    `state` is STOPPED, EXPIRED or FAILED; or WAITING when the bot is stopping and will answer the
    request after its next start. `unkept` is the answer that is there, but could not be stored:
    it is shown all the same.
    """

    state: RequestState
    message: str
    unkept: NewAnswer | None = None


Event = (
    Queued | Started | Thinking | Delta | Retracted | Restarted | Written | Finished | Ended
)  # fmt: skip
