"""The buttons under an answer as Discord shows them; `commands/buttons.py` says what they do."""

import re
from dataclasses import dataclass

import discord

STOP, AGAIN, OTHER, GO_ON = "stop", "again", "other", "goon"
_LOOKS = {
    STOP: ("Stop", "⏹️"),
    AGAIN: ("Again", "🔁"),
    OTHER: ("Other model", "🔀"),
    GO_ON: ("Continue", "⏩"),
}
_CUSTOM_ID = re.compile(rf"fungpt:({'|'.join(_LOOKS)}):(\d{{1,18}})")


@dataclass(frozen=True, slots=True)
class ButtonRow:
    """Which buttons stand under a message, and the id of the request that they are about."""

    kinds: tuple[str, ...]
    request_id: int


def running_row(request_id: int) -> ButtonRow:
    """The row under an answer that is being written, or waited for."""
    return ButtonRow((STOP,), request_id)


def finished_row(request_id: int, *, is_cut: bool = False) -> ButtonRow:
    """The row under a finished answer; one that `is_cut` at the length limit can go on."""
    return ButtonRow((GO_ON, AGAIN, OTHER) if is_cut else (AGAIN, OTHER), request_id)


def custom_id(kind: str, request_id: int) -> str:
    """What Discord sends back when the button is pressed, also years later."""
    return f"fungpt:{kind}:{request_id}"


def pressed_button(custom_id: str) -> tuple[str, int] | None:
    """The kind and the request's id that `custom_id` stands for; None if it is not ours. Pure."""
    found = _CUSTOM_ID.fullmatch(custom_id)
    return (found[1], int(found[2])) if found else None


def view(row: ButtonRow | None) -> discord.ui.View | None:
    """The row for discord.py. It is not listened to: that would keep it in memory for good."""
    if row is None:
        return None
    made = discord.ui.View(timeout=None)
    for kind in row.kinds:
        label, emoji = _LOOKS[kind]
        own_id = custom_id(kind, row.request_id)
        made.add_item(discord.ui.Button(label=label, emoji=emoji, custom_id=own_id))
    made.stop()
    return made
