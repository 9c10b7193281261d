"""Whether a message is meant for the bot. Pure."""

from dataclasses import dataclass
from enum import Enum, auto


class Trigger(Enum):
    """What to do about a message."""

    IGNORE = auto()
    ANSWER = auto()
    ANSWER_ABOUT = auto()  # a bare mention in a reply: what is replied to is meant
    HINT = auto()  # addressed, but nothing was said
    HINT_UNREADABLE = auto()  # addressed, but Discord keeps the text from the bot
    DECLINE_IMAGE = auto()


@dataclass(frozen=True, slots=True)
class Incoming:
    """What decides whether a message is answered.

    `text` is without the bot's mention. `may_speak`: Discord lets the bot write there.
    `mentions_bot`: by its name, its role or the ping of a reply, not by `@everyone`, and not in
    code or a quote. `mentions_others`: people or roles but the bot and the author. `is_direct`: it
    is a direct message. `replies_to_bot` and `replies_to_others`: it replies to a message of the
    bot, or to one that is neither the bot's nor the author's own. `replies_readable`: it replies to
    a message whose text the bot can read.
    """

    is_from_person: bool
    may_speak: bool
    text: str
    mentions_bot: bool = False
    mentions_everyone: bool = False
    mentions_others: bool = False
    is_direct: bool = False
    replies_to_bot: bool = False
    replies_to_others: bool = False
    replies_readable: bool = False
    has_text_file: bool = False
    has_other_file: bool = False

    @property
    def is_for_people_only(self) -> bool:
        """Whether no setting could make the bot answer this."""
        return not (self.is_from_person and self.may_speak)

    @property
    def is_addressed(self) -> bool:
        """Whether it is for the bot wherever it stands.

        What names somebody else and not the bot is theirs, also as a reply to the bot.
        """
        continues = self.replies_to_bot and not self.mentions_others
        return self.mentions_bot or self.is_direct or continues

    @property
    def is_for_others(self) -> bool:
        """Whether it is said to somebody else, so that it is not for a bot that only listens."""
        return self.mentions_everyone or self.mentions_others or self.replies_to_others

    @property
    def says_something(self) -> bool:
        """Whether there is anything to answer."""
        return bool(self.text) or self.has_text_file


def decide(incoming: Incoming, *, listening: bool) -> Trigger:
    """What to do; `listening` is whether the bot answers everything in this channel or thread."""
    if incoming.is_for_people_only:
        return Trigger.IGNORE
    if not incoming.is_addressed:
        meant = listening and incoming.says_something and not incoming.is_for_others
        return Trigger.ANSWER if meant else Trigger.IGNORE
    if incoming.says_something:
        return Trigger.ANSWER
    if incoming.has_other_file:
        return Trigger.DECLINE_IMAGE
    if incoming.mentions_bot and incoming.replies_readable:
        return Trigger.ANSWER_ABOUT
    if incoming.replies_to_bot and not incoming.mentions_bot and not incoming.is_direct:
        return Trigger.HINT_UNREADABLE
    return Trigger.HINT
