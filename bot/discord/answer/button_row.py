"""The buttons under an answer, as Discord shows them; `buttons` says what they do."""

from dataclasses import dataclass

import discord

STOP, AGAIN, OTHER = "stop", "again", "other"
_LOOKS = {
    STOP: ("Stop", "⏹️"),
    AGAIN: ("Again", "🔁"),
    OTHER: ("Other model", "🔀"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """Which buttons, and the request that they are about."""

    kinds: tuple[str, ...]
    request_id: int


def running_row(request_id: int) -> Row:
    """Under an answer that is being written, or waited for."""
    return Row((STOP,), request_id)


def finished_row(request_id: int) -> Row:
    """Under an answer."""
    return Row((AGAIN, OTHER), request_id)


def template(kind: str) -> str:
    """The pattern of a button's custom_id."""
    return rf"fungpt:{kind}:(?P<request>\d{{1,18}})"


def custom_id(kind: str, request_id: int) -> str:
    """What Discord sends back when the button is pressed, also years later."""
    return f"fungpt:{kind}:{request_id}"


def button(kind: str, request_id: int) -> discord.ui.Button[discord.ui.View]:
    """One button."""
    label, emoji = _LOOKS[kind]
    return discord.ui.Button(label=label, emoji=emoji, custom_id=custom_id(kind, request_id))


def view(row: Row | None) -> discord.ui.View | None:
    """The row for discord.py. It is not listened to: that would keep it in memory for good."""
    if row is None:
        return None
    made = discord.ui.View(timeout=None)
    for kind in row.kinds:
        made.add_item(button(kind, row.request_id))
    made.stop()
    return made
