"""Everything the bot raises on purpose, grouped by who has to do something about it."""

from collections.abc import Sequence
from pathlib import Path


class BotError(Exception):
    """Root of the bot's errors; `str()` is one line that says what to do."""


class SettingsError(BotError):
    """A setting is unknown or bad: the start is refused and the operator corrects it."""


class WorkerStartError(BotError):
    """The worker's process could not be started; the line says why."""


class AlreadyRunning(BotError):
    """Another bot holds the database under `home`; `pid` is its process id, empty if unknown."""

    def __init__(self, pid: str, home: Path) -> None:
        who = f"Process {pid}" if pid else "Another process"
        super().__init__(
            f"{who} already runs a bot on {home}. End it first, or set FUNGPT_HOME to another"
            " folder for this one."
        )


class WorkerGone(BotError):
    """The worker is not ready and will not become so by waiting; `str()` may be shown to people."""


class UserError(BotError):
    """A person asked for something that cannot be done; `str()` is shown to that person."""


class EmptyPrompt(UserError):
    """Nothing that can be read is left of the prompt."""

    def __init__(self) -> None:
        super().__init__("There was nothing to read in that message. Write me something!")


class PromptTooLong(UserError):
    """The prompt has more characters than `PROMPT_MAX_CHARS`."""

    def __init__(self, length: int, limit: int) -> None:
        super().__init__(
            f"That message is too long: {length:,} characters, and I read at most {limit:,}."
            " Please shorten it."
        )
        self.length = length
        self.limit = limit


class QueueFull(UserError):
    """`QUEUE_MAX` requests are waiting already; `retry_after_s` seconds from now is a good time."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(
            "Too many people are talking to me right now."
            f" Please try again in about {_seconds(retry_after_s)}."
        )
        self.retry_after_s = retry_after_s


class TooManyWaiting(UserError):
    """This person has `limit` unfinished requests (`QUEUE_PER_USER`) already.

    `retry_after_s` seconds from now one of them may be done.
    """

    def __init__(self, limit: int, retry_after_s: float) -> None:
        messages = "message" if limit == 1 else "messages"
        super().__init__(
            f"I am still busy with {limit} {messages} of yours."
            f" Please try again in about {_seconds(retry_after_s)}."
        )
        self.limit = limit
        self.retry_after_s = retry_after_s


class AskedTooOften(UserError):
    """This person has asked `limit` times within an hour, which is what this server allows."""

    def __init__(self, limit: int, retry_after_s: float) -> None:
        times = "once" if limit == 1 else f"{limit} times"
        super().__init__(
            f"You may ask me {times} an hour in this server."
            f" Please try again in about {_seconds(retry_after_s)}."
        )
        self.limit = limit
        self.retry_after_s = retry_after_s


class NotAllowed(UserError):
    """This person may not do that here; the message says who may, or where."""


class UnknownVariant(UserError):
    """The worker serves no variant of this name; `known` are the ones it serves."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"I don't know the model {name!r}. There are: {', '.join(known)}.")
        self.name = name
        self.known = tuple(known)


class VariantsUnknown(UserError):
    """The worker could not be asked which variants it serves."""

    def __init__(self) -> None:
        super().__init__(
            "The model is not up yet, so I can't tell which models there are."
            " Please try again in a moment."
        )


class BadRating(UserError):
    """The text names no kind of rating; the message says which kinds there are."""


class NothingToRate(UserError):
    """There is no answer in this conversation to put a rating on."""

    def __init__(self) -> None:
        super().__init__("There is no answer here to rate yet. Ask me something first.")


class ShuttingDown(UserError):
    """The bot is about to stop and takes nothing new."""

    def __init__(self) -> None:
        super().__init__("I am just going to sleep. Please ask me again in a minute.")


def _seconds(seconds: float) -> str:
    """`seconds` as people say it, never less than a second."""
    whole = max(1, round(seconds))
    if whole < 90:
        return f"{whole} second{'' if whole == 1 else 's'}"
    return f"{round(whole / 60)} minutes"
