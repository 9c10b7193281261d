"""What Discord's refusals mean, and what to do about each: the one table of its error codes."""

import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from enum import Enum, auto
from types import MappingProxyType

import discord

_FORM = 50035  # "Invalid Form Body", which names its fields
_SERVER_ERRORS = 500
_TOLD = 500  # refusals remembered
_log = logging.getLogger(__name__)


class Remedy(Enum):
    """What to do about a refusal."""

    LATER = auto()
    """Discord cannot just now, or not so often: the same call may work later."""
    GONE = auto()
    """The message, the channel or the server is not there any more: nothing to be shown."""
    FORBIDDEN = auto()
    """The bot may not do that there: close what can be closed, and tell the operator."""
    REWORD = auto()
    """The text itself is refused, as by AutoMod: say so in other words."""
    UNREFERENCED = auto()
    """The message that is replied to is refused: the same without it."""
    WITHOUT_BUTTONS = auto()
    """The buttons are refused: the same without them."""
    UNARCHIVE = auto()
    """The thread is archived: open it again, then the same."""
    AS_MESSAGE = auto()
    """The interaction's time is over, or it was answered before: an ordinary message instead."""
    NO_REACTION = auto()
    """This reaction is refused, others may not be."""
    NO_REACTIONS = auto()
    """No reaction of the bot is taken there."""
    UNKNOWN = auto()
    """Nobody foresaw it: close what can be closed, and tell the operator."""


def _table(*rows: tuple[Remedy, Iterable[int]]) -> Mapping[int, Remedy]:
    return MappingProxyType({code: remedy for remedy, codes in rows for code in codes})


# https://docs.discord.com/developers/topics/opcodes-and-status-codes#json
REMEDIES = _table(
    (
        Remedy.LATER,
        (
            20016,  # slowmode of the channel
            20022, 20028, 20029,  # too many writes: announcements, channel, server
            30046,  # too many edits of a message older than an hour
            40003,  # direct messages opened too fast
            40004, 40006,  # sending, or this feature, is switched off for a while
            40062,  # the service is being rate limited
            130000,  # the API is overloaded
        ),
    ),
    (
        Remedy.GONE,
        (
            10003, 10004, 10008,  # unknown channel, server, message
            10013,  # unknown user: the account is deleted
            50055,  # invalid server
        ),
    ),
    (
        Remedy.FORBIDDEN,
        (
            20018,  # only the owner may do that
            30033, 160006, 160007,  # too many members of a thread, too many threads
            40001, 40002, 40007,  # unauthorised, unverified, banned
            50001, 50002, 50003, 50005, 50008,  # missing access; wrong kind of account or channel
            50007, 50278,  # this person takes no direct messages of the bot
            50013, 50021, 50024,  # missing permission; a system message; wrong type of channel
            50095,  # the server is not available here
            60003,  # the server's moderators need two factors
            160005,  # the thread is locked
            340013,  # the server asks for its onboarding first
        ),
    ),
    (
        Remedy.REWORD,
        (
            20009,  # explicit content, to this recipient
            20031,  # words that are not allowed
            40005,  # too large
            50006,  # empty
            200000, 200001,  # AutoMod: message, title
            240000,  # the filter of harmful links
        ),
    ),
    (Remedy.UNREFERENCED, (160002,)),  # a reply needs Read Message History
    (Remedy.UNARCHIVE, (50083,)),
    (Remedy.AS_MESSAGE, (10015, 10062, 40060, 50027)),  # unknown, over or acknowledged before
    (Remedy.NO_REACTION, (10014,)),  # unknown emoji
    (Remedy.NO_REACTIONS, (30010, 90001, 90002)),  # too many; the author has blocked the bot
)  # fmt: skip
_FIELDS = MappingProxyType(
    {
        "message_reference": Remedy.UNREFERENCED,
        "components": Remedy.WITHOUT_BUTTONS,
        "content": Remedy.REWORD,
        "name": Remedy.REWORD,
    }
)
_BY_STATUS = MappingProxyType(
    {401: Remedy.FORBIDDEN, 403: Remedy.FORBIDDEN, 404: Remedy.GONE, 413: Remedy.REWORD,
     429: Remedy.LATER}
)  # fmt: skip
_ADVICE = MappingProxyType(
    {
        160002: "give me Read Message History there",
        50001: "give me View Channel there",
        50013: "give me the permissions of the invite link there",
        50007: "the person takes no direct messages from me",
        200000: "AutoMod keeps an answer back: exempt my role from that rule, if you like",
    }
)


def remedy(refusal: discord.HTTPException) -> Remedy:
    """What to do about it: by Discord's code, else by the field it names, else by the status."""
    if refusal.status >= _SERVER_ERRORS:
        return Remedy.LATER
    if refusal.code == _FORM:
        return next((_FIELDS[one] for one in refused_fields(refusal) if one in _FIELDS),
                    Remedy.UNKNOWN)  # fmt: skip
    return REMEDIES.get(refusal.code) or _BY_STATUS.get(refusal.status, Remedy.UNKNOWN)


def refused_fields(refusal: discord.HTTPException) -> list[str]:
    """The names of the fields that "Invalid Form Body" is about, those of the outermost level."""
    lines = refusal.text.split("\n")[1:]  # discord.py writes a line "In field.inner: why" for each
    named = [line[3:].split(":", 1)[0] for line in lines if line.startswith("In ")]
    return [name.split(".", 1)[0] for name in named]


class RefusalLog:
    """Tells the operator of each kind of refusal in each channel, once."""

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[int, str], None] = OrderedDict()

    def tell(self, channel_id: int, refusal: discord.HTTPException) -> None:
        """Log a refusal with what can be done about it, unless that has been done before."""
        reason = " ".join(refusal.text.split())[:200]
        advice = _ADVICE.get(refusal.code)
        said = f"{refusal.status} ({refusal.code}) {reason}" + (f": {advice}" if advice else "")
        self.note(channel_id, f"{refusal.status} ({refusal.code})", said)

    def note(self, channel_id: int, kind: str, line: str) -> None:
        """Log a line about a channel, unless one of this kind has been logged for it before."""
        key = channel_id, kind
        if key in self._told:
            return
        self._told[key] = None
        while len(self._told) > _TOLD:
            self._told.popitem(last=False)
        _log.warning("Discord refuses something in channel %d: %s", channel_id, line)
