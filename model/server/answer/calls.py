"""Reads calls of functions out of the text that a grammar makes of them, as it comes."""

import re
import secrets
from collections.abc import Sequence
from typing import Literal

from model.protocol.chat_answer import (
    CallDelta,
    FinishReason,
    FunctionCall,
    FunctionDelta,
    ToolCall,
)

# A call begins so, after the list's opening, or the end of the call before and a comma.
_HEAD = re.compile(r'[\[\s,}]*\{"name": "([^"]*)", "arguments": ')


class CallReader:
    """Takes the text of `[{"name": …, "arguments": {…}}, …]`, or of one call, in any pieces.

    The arguments are an object; its end is where its braces outside strings are balanced.
    """

    def __init__(self) -> None:
        self._held = ""  # text of which it is not known yet what it belongs to
        self._index = -1
        self._depth = 0
        self._inside = False  # the arguments
        self._in_string = self._escaped = False
        self._complete = False  # whether as many calls ended as began

    def push(self, text: str) -> list[CallDelta]:
        """What this text adds to the calls."""
        self._held += text
        deltas: list[CallDelta] = []
        while self._held:
            if not self._inside:
                if (head := _HEAD.match(self._held)) is None:
                    break
                self._held = self._held[head.end() :]
                deltas.append(self._begin(head[1]))
            if arguments := self._take_arguments():
                function = FunctionDelta(arguments=arguments)
                deltas.append(CallDelta(index=self._index, function=function))
        return deltas

    def reason(self, reason: Literal["stop", "length"]) -> FinishReason:
        """Why the answer ended: with calls, where it was not cut."""
        return "tool_calls" if reason == "stop" and self._complete else reason

    def _begin(self, name: str) -> CallDelta:
        self._index += 1
        self._inside, self._complete = True, False
        function = FunctionDelta(name=name)
        id_ = f"call_{secrets.token_hex(12)}"
        return CallDelta(index=self._index, id=id_, type="function", function=function)

    def _take_arguments(self) -> str:
        for place, character in enumerate(self._held):
            if self._follow(character):
                taken, self._held = self._held[: place + 1], self._held[place + 1 :]
                self._inside, self._complete = False, True
                return taken
        taken, self._held = self._held, ""
        return taken

    def _follow(self, character: str) -> bool:
        """Whether the arguments end with this character."""
        if self._in_string:
            if self._escaped:
                self._escaped = False
            elif character == "\\":
                self._escaped = True
            elif character == '"':
                self._in_string = False
            return False
        if character == '"':
            self._in_string = True
        elif character in "{}":
            self._depth += 1 if character == "{" else -1
            return self._depth == 0
        return False


def whole_calls(deltas: Sequence[CallDelta]) -> list[ToolCall]:
    """The calls that deltas add up to; one that was cut has what it has of its arguments."""
    calls: list[ToolCall] = []
    for delta in deltas:
        if delta.id is not None:
            function = FunctionCall(name=delta.function.name or "", arguments="")
            calls.append(ToolCall(id=delta.id, function=function))
        last = calls[-1]
        arguments = last.function.arguments + delta.function.arguments
        function = last.function.model_copy(update={"arguments": arguments})
        calls[-1] = last.model_copy(update={"function": function})
    return calls
