"""Reading what Discord's REST answers say about rate limits."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace

import aiohttp

_OWN_TOKENS = re.compile(r"/(webhooks|interactions)/\d+/")
_EDIT = re.compile(r"/((?:channels/\d+|webhooks/\d+/[^/]+))/messages/[^/]+$")


@dataclass(frozen=True, slots=True)
class RestResponse:
    """What one REST answer said about rate limits; a figure is None where it was not given."""

    method: str
    path: str
    status: int
    remaining: int | None
    reset_after_s: float | None
    retry_after_s: float | None

    @property
    def is_refused_token(self) -> bool:
        """Whether Discord did not take the bot's token; those of interactions are their own."""
        return self.status == 401 and not _OWN_TOKENS.search(self.path)

    @property
    def edited(self) -> str | None:
        """The bucket that this answer counts for if it answers an edit of a message, else None."""
        found = _EDIT.search(self.path) if self.method == "PATCH" else None
        return found[1] if found else None


def channel_bucket(channel_id: int) -> str:
    """The bucket of ordinary edits in a channel."""
    return f"channels/{channel_id}"


def webhook_bucket(application_id: int, token: str) -> str:
    """The bucket of edits under an interaction's token."""
    return f"webhooks/{application_id}/{token}"


def listening(hear: Callable[[RestResponse], None]) -> aiohttp.TraceConfig:
    """A trace for discord.py's session that calls `hear` with every answer."""
    trace = aiohttp.TraceConfig()

    async def on_end(
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        end: aiohttp.TraceRequestEndParams,
    ) -> None:
        hear(read(end.method, end.url.path, end.response.status, end.response.headers))

    trace.on_request_end.append(on_end)
    return trace


def read(method: str, path: str, status: int, headers: Mapping[str, str]) -> RestResponse:
    """The figures of one answer, read from its headers. Pure."""
    remaining = _number(headers.get("X-RateLimit-Remaining"))
    return RestResponse(
        method,
        path,
        status,
        None if remaining is None else int(remaining),
        _number(headers.get("X-RateLimit-Reset-After")),
        _number(headers.get("Retry-After")) if status == 429 else None,
    )


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
