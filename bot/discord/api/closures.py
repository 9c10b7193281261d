"""What it means when Discord closes the gateway for good: a line for the operator. Pure."""

from bot.discord.api.application import REFUSED

NOT_GRANTED = (
    "Discord does not grant the message-content intent, which DISCORD_MESSAGE_CONTENT=on asks for:"
    " switch it on at https://discord.com/developers/applications, page “Bot”, or set auto."
)
OTHER_SHARDS = (4010, 4011)  # another number of shards is wanted, which Discord tells when asked
_DOCTOR = "`python -m bot doctor` checks the rest."
# https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
_LINES = {
    4004: REFUSED,
    4010: "Discord refuses the bot's shards: it may stand behind a proxy that gives it another"
    " number of them (DISCORD_GATEWAY_URL).",
    4011: "Discord wants the bot to use more shards than it names itself: see DISCORD_API_URL and"
    " DISCORD_GATEWAY_URL.",
    4012: "Discord does not take this version of its gateway any more: update discord.py.",
    4013: "Discord does not know an intent that the bot asks for: update discord.py.",
    4014: NOT_GRANTED,
}


def closure_line(code: int) -> str | None:
    """What the operator has to do after this close code; None where connecting again may help."""
    line = _LINES.get(code)
    return None if line is None else f"{line} {_DOCTOR}"
