"""Calls of functions as text: how they stand in a prompt, and how a called answer is written."""

import json
from collections.abc import Sequence

from model.protocol.chat_tools import SentCall
from model.text.codec import ChatTurn


def written_call(name: str, arguments: str) -> str:
    """A call as an answer by a grammar writes it; `arguments` are JSON, or any text."""
    try:
        return json.dumps({"name": name, "arguments": json.loads(arguments)}, ensure_ascii=False)
    except (ValueError, RecursionError):
        return json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)


def with_calls(text: str, calls: Sequence[SentCall]) -> str:
    """What an assistant's turn said, with the calls that it made behind it."""
    written = [written_call(call.function.name, call.function.arguments) for call in calls]
    if len(written) > 1:
        written = [f"[{', '.join(written)}]"]
    return "\n\n".join([text] * bool(text) + written)


def result_of(name: str | None, text: str) -> ChatTurn:
    """What a function gave back, as a user's turn: few chat templates know more roles."""
    return ChatTurn("user", f"Result of {name}: {text}" if name else f"Result: {text}")


def joined(turns: Sequence[tuple[ChatTurn, bool]]) -> tuple[ChatTurn, ...]:
    """The turns, with results (marked True) joined with the user's turn or results behind them.

    Templates want users and assistants to alternate, and several results follow one answer.
    """
    made: list[ChatTurn] = []
    after_result = False
    for turn, is_result in turns:
        if after_result and turn.role == "user":
            made[-1] = ChatTurn("user", f"{made[-1].content}\n\n{turn.content}")
        else:
            made.append(turn)
        after_result = is_result
    return tuple(made)
