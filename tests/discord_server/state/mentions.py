"""Whom a text notifies, and what `allowed_mentions` leaves of it."""

import re
from dataclasses import dataclass, field
from typing import Any

from tests.discord_server.state.refusals import bad_form

_USER = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
_EVERYONE = re.compile(r"@(everyone|here)\b")
_PARSE = {"users", "roles", "everyone"}


@dataclass(frozen=True)
class Notified:
    users: list[int] = field(default_factory=list)
    roles: list[int] = field(default_factory=list)
    everyone: bool = False


def notified(
    content: str, allowed: dict[str, Any] | None, replied_to: int | None, *, may_everyone: bool
) -> Notified:
    """Those whom `content` reaches; `allowed` None lets everything through, as Discord does."""
    rules = {"parse": sorted(_PARSE), "replied_user": True} if allowed is None else allowed
    parse = set(rules.get("parse") or [])
    if not parse <= _PARSE:
        raise bad_form("allowed_mentions.parse", "BASE_TYPE_CHOICES", "unknown parse type")
    for kind in ("users", "roles"):
        if kind in parse and rules.get(kind):
            message = f"parse has {kind} and {kind} has ids: they exclude each other"
            raise bad_form("allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message)
    users = _reached(_USER, content, "users" in parse, rules.get("users"))
    if replied_to is not None and rules.get("replied_user") and replied_to not in users:
        users.append(replied_to)
    return Notified(
        users,
        _reached(_ROLE, content, "roles" in parse, rules.get("roles")),
        may_everyone and "everyone" in parse and bool(_EVERYONE.search(content)),
    )


def _reached(pattern: re.Pattern[str], text: str, parsed: bool, named: Any) -> list[int]:
    found = dict.fromkeys(int(found) for found in pattern.findall(text))
    names = {int(one) for one in named or []}
    return [one for one in found if parsed or one in names]
