"""The buttons of `/privacy`, `/mydata` and `/forget` as Discord shows them, also after restarts."""

import re

import discord

AGREE, REFUSE, FORGET, CONFIRM, KEEP = "agree", "refuse", "forget", "confirm", "keep"
_LABELS = {
    AGREE: "Use my data for training",
    REFUSE: "Don't use it",
    FORGET: "Delete it all …",
    CONFIRM: "Delete everything",
    KEEP: "Keep it",
}
_CUSTOM_ID = re.compile(rf"fungpt:privacy:({'|'.join(_LABELS)})")


def privacy_button(custom_id: str) -> str | None:
    """Which button `custom_id` stands for; None if it is none of these. Pure."""
    found = _CUSTOM_ID.fullmatch(custom_id)
    return found[1] if found else None


def privacy_row(*kinds: str) -> discord.ui.View | None:
    """The row for discord.py, None without any. It is not listened to, as `button_row.view`."""
    if not kinds:
        return None
    made = discord.ui.View(timeout=None)
    for kind in kinds:
        style = discord.ButtonStyle.danger if kind == CONFIRM else discord.ButtonStyle.secondary
        own_id = f"fungpt:privacy:{kind}"
        made.add_item(discord.ui.Button(label=_LABELS[kind], style=style, custom_id=own_id))
    made.stop()
    return made


def consent_row(*, permission: str, consents: bool) -> discord.ui.View | None:
    """The choice about training under `/privacy`.

    Where Discord has not permitted training nobody is asked to agree, since that would change
    nothing; who agreed before can take it back.
    """
    if permission:
        return privacy_row(AGREE, REFUSE)
    return privacy_row(REFUSE) if consents else None
