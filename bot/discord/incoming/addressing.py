"""Reading a message's text as its author meant it: mentions become names. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_MENTION = re.compile(r"<(@!?|@&|#)(\d{15,21})>")
_EMOJI = re.compile(r"<a?(:\w{1,32}:)\d{15,21}>")


@dataclass(frozen=True, slots=True)
class Names:
    """What the ids in a message stand for; `ours` are the bot's own user and role."""

    ours: frozenset[int] = frozenset()
    people: Mapping[int, str] = field(default_factory=dict[int, str])
    roles: Mapping[int, str] = field(default_factory=dict[int, str])
    channels: Mapping[int, str] = field(default_factory=dict[int, str])


def readable(content: str, names: Names) -> str:
    """The text without mentions of the bot, other mentions and emoji as words."""

    def spoken(match: re.Match[str]) -> str:
        sign, number = match[1], int(match[2])
        if number in names.ours and sign != "#":
            return ""
        known = {"#": names.channels, "@&": names.roles}.get(sign, names.people)
        return ("#" if sign == "#" else "@") + known.get(number, "someone" if sign != "#" else "?")

    return _EMOJI.sub(r"\1", _MENTION.sub(spoken, content)).strip()
