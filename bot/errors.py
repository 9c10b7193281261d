"""Everything the bot raises on purpose, grouped by who has to do something about it."""

from collections.abc import Sequence
from pathlib import Path


class BotError(Exception):
    """Root of the bot's errors; `str()` is one line that says what happened or what to do."""


class SettingsError(BotError):
    """A setting is unknown or has a bad value, so the bot does not start."""


class DiscordRefused(SettingsError):
    """Discord will not have the bot as it is set up; starting it again does not help."""


class WorkerStartError(BotError):
    """The worker's process could not be started; `str()` says why."""


class AlreadyRunning(BotError):
    """Another bot holds the database under `home`; `pid` is its process id, empty if unknown."""

    def __init__(self, pid: str, home: Path) -> None:
        who = f"Process {pid}" if pid else "Another process"
        super().__init__(
            f"{who} already runs a bot on {home}. End it first, or set FUNGPT_HOME to another"
            " folder for this one."
        )


class WorkerGone(BotError):
    """The worker is not ready, and waiting will not help; `str()` may be shown to people."""


class UserError(BotError):
    """A person asked for something that cannot be done; `str()` is shown to that person."""


class EmptyPrompt(UserError):
    """The prompt holds nothing that can be read."""

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
    """`QUEUE_MAX` requests wait already; `retry_after_s` is when to try again, in seconds."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(
            "Too many people are talking to me right now."
            f" Please try again in about {_seconds(retry_after_s)}."
        )
        self.retry_after_s = retry_after_s


class TooManyWaiting(UserError):
    """This person has `limit` unfinished requests (`QUEUE_PER_USER`) already.

    `retry_after_s` is the time in seconds until one of them is probably done.
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
    """This person has asked `limit` times within an hour; the server's rules allow no more."""

    def __init__(self, limit: int, retry_after_s: float) -> None:
        times = "once" if limit == 1 else f"{limit} times"
        super().__init__(
            f"You may ask me {times} an hour here, and what you ask elsewhere counts."
            f" Please try again in about {_seconds(retry_after_s)}."
        )
        self.limit = limit
        self.retry_after_s = retry_after_s


class NotAllowed(UserError):
    """This person may not do that here; the message says who may do it, or where."""


class UnknownVariant(UserError):
    """The worker serves no variant called `name`; `known` are the variants it serves."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"I don't know the model {name!r}. There are: {', '.join(known)}.")
        self.name = name
        self.known = tuple(known)


class VariantsUnknown(UserError):
    """The worker has never said which variants it serves, and cannot be asked now."""

    def __init__(self) -> None:
        super().__init__(
            "The model is not up yet, so I can't tell which models there are."
            " Please try again in a moment."
        )


class BadRating(UserError):
    """The text names no kind of rating; the message lists the kinds there are."""


class NothingToRate(UserError):
    """There is no answer in this conversation that could be rated."""

    def __init__(self) -> None:
        super().__init__("There is no answer here to rate yet. Ask me something first.")


class ShuttingDown(UserError):
    """The bot is about to stop and takes no new requests."""

    def __init__(self) -> None:
        super().__init__("I am just going to sleep. Please ask me again in a minute.")


def _seconds(seconds: float) -> str:
    """A time in seconds or minutes as people say it, at least one second."""
    whole = max(1, round(seconds))
    if whole < 90:
        return f"{whole} second{'' if whole == 1 else 's'}"
    return f"{round(whole / 60)} minutes"
