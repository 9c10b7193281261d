"""Rate limits as Discord has them: a number of calls in a window, by route and place."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.discord_server.rest.calls import Call

VIA = "1.1 google"


@dataclass(frozen=True)
class Rule:
    """`calls` in `per_s` seconds; a `hidden` one is not announced in the headers."""

    calls: int
    per_s: float
    hidden: bool = False


GENEROUS = Rule(1000, 1.0)
LIKE_DISCORD = {
    "POST /channels/{channel}/messages": Rule(5, 5.0),
    "PATCH /channels/{channel}/messages/{message}": Rule(5, 5.0),
    "DELETE /channels/{channel}/messages/{message}": Rule(5, 1.0),
    "POST /channels/{channel}/typing": Rule(5, 5.0),
    "PUT /channels/{channel}/messages/{message}/reactions/{emoji}/@me": Rule(1, 0.25),
    "POST /webhooks/{application}/{token}": Rule(5, 2.0),
    "PATCH /webhooks/{application}/{token}/messages/{message}": Rule(5, 2.0),
}


@dataclass
class _Window:
    began: float
    used: int = 0


@dataclass(frozen=True)
class Verdict:
    """What the limits say to a call: the headers, and the 429's body or None."""

    headers: dict[str, str]
    refusal: dict[str, Any] | None = None


class Limits:
    """Counts calls; `rules` by route may be changed at any time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._windows: dict[tuple[str, str], _Window] = {}
        self.rules: dict[str, Rule] = {}

    def judge(self, call: Call) -> Verdict:
        """Count a call, or refuse it until its window is over."""
        rule = self.rules.get(call.route, GENEROUS)
        now = self._clock()
        window = self._windows.get((call.route, call.major))
        if window is None or now >= window.began + rule.per_s:
            window = self._windows[call.route, call.major] = _Window(now)
        left_s = window.began + rule.per_s - now
        over = window.used >= rule.calls
        window.used += not over
        headers = {} if rule.hidden else _headers(call.route, rule, window.used, left_s)
        return refusal(left_s, headers) if over else Verdict(headers)


def refusal(retry_after: float, headers: dict[str, str], *, everywhere: bool = False) -> Verdict:
    """The 429 that discord.py waits for: without `Via` and JSON it would raise."""
    body = {
        "message": "You are being rate limited.",
        "retry_after": round(retry_after, 3),
        "global": everywhere,
    }
    extra = {
        "Via": VIA,
        "Retry-After": str(int(retry_after) + 1),
        "X-RateLimit-Scope": "global" if everywhere else "user",
    }
    return Verdict({**headers, **extra}, body)


def _headers(route: str, rule: Rule, used: int, left_s: float) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(rule.calls),
        "X-RateLimit-Remaining": str(rule.calls - used),
        "X-RateLimit-Reset-After": f"{left_s:.3f}",
        "X-RateLimit-Bucket": hashlib.sha256(route.encode()).hexdigest()[:32],
    }
