"""Discord's markup as people see it: names for ids, dates for timestamps. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.chat.people import Person, mention, mentioned_in, unmarked

_CODE = r"```[\s\S]*?```|``[^\n]*?``|`[^`\n]*`"  # shown as it is typed
_MARKUP = re.compile(
    rf"(?P<code>{_CODE})"
    r"|<(?P<sign>@!?|@&|\#)(?P<id>\d{15,21})>"
    r"|<(?:a?)(?P<emoji>:\w{1,32}:)\d{15,21}>"
    r"|<t:(?P<time>-?\d{1,17})(?::(?P<style>[tTdDfFRsS]))?>"
    r"|<(?P<command>/[^<>:\n]{1,100}):\d{15,21}>"
    r"|<id:(?P<place>customize|browse|guide|home|linked-roles)(?::\d{1,21})?>"
    r"|<(?P<sound>sound):\d{1,21}:\d{15,21}>"
)
_PLACES = {
    "customize": "Channels & Roles",
    "browse": "Browse Channels",
    "guide": "Server Guide",
    "home": "Server Guide",
    "linked-roles": "Linked Roles",
}
_TIMES = {
    "t": "%H:%M UTC",
    "T": "%H:%M:%S UTC",
    "d": "%d/%m/%Y",
    "D": "%d %B %Y",
    "F": "%A, %d %B %Y %H:%M UTC",
}
_TIME = "%d %B %Y %H:%M UTC"


@dataclass(frozen=True, slots=True)
class MentionNames:
    """What the ids in a message stand for.

    `ours` are the bot's own user and role, and `own_name` what it is called here. `role` and
    `channel` give a name, or None where it is not known.
    """

    ours: frozenset[int] = frozenset()
    own_name: str = "you"
    people: Mapping[int, str] = field(default_factory=dict[int, str])
    role: Callable[[int], str | None] = lambda _: None
    channel: Callable[[int], str | None] = lambda _: None


def readable(content: str, names: MentionNames) -> str:
    """The text as people see it, but for people: each stays a `people.mention`.

    Mentions of the bot at the beginning and at the end only call it and are left out. Pure.
    """
    typed = _uncalled(unmarked(content), names)
    return _MARKUP.sub(lambda match: _seen(match, names), typed).strip()


def people_in(text: str, names: MentionNames) -> tuple[Person, ...]:
    """The people whose mentions stand in a readable text, without a name where it is unknown."""
    ids = [one for one in mentioned_in(text) if one.isdigit()]
    return tuple(Person(one, names.people.get(int(one), "")) for one in ids)


def _uncalled(content: str, names: MentionNames) -> str:
    if not names.ours:
        return content
    ours = rf"<@[!&]?(?:{'|'.join(map(str, sorted(names.ours)))})>"
    return re.sub(rf"\A(?:\s*{ours})+|(?:{ours}\s*)+\Z", "", content)


def _seen(match: re.Match[str], names: MentionNames) -> str:
    kind = match.lastgroup
    if match["sign"]:
        return _named(match["sign"], int(match["id"]), names)
    if match["time"]:
        return _date(int(match["time"]), match["style"] or "f") or match[0]
    if match["place"]:
        return _PLACES[match["place"]]
    if match["sound"]:
        return "[sound]"
    return match[kind] if kind in ("code", "emoji", "command") else match[0]


def _named(sign: str, number: int, names: MentionNames) -> str:
    if sign == "#":
        return f"#{names.channel(number) or '?'}"
    if number in names.ours:
        return f"@{names.own_name}"
    if sign == "@&":
        return f"@{names.role(number) or 'someone'}"
    return mention(str(number))


def _date(seconds: int, style: str) -> str | None:
    """A moment in UTC, as the reader's clock is not known; None where no calendar has it.

    A relative time ("in two hours") would be wrong as soon as it is read again: it gets a date.
    """
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime(_TIMES.get(style, _TIME))
    except (OverflowError, OSError, ValueError):
        return None
