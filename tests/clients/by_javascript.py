"""The official client for JavaScript, in a process of its own for each call."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.clients.answers import LIMIT_S, Outcome, Place, Turns

_PROGRAM = Path(__file__).parent / "js" / "client.mjs"


class JavaScriptError(Exception):
    """What the client raised there; `kind` is its class's name."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class JavaScriptClient:
    """`openai` for JavaScript under Node."""

    name = "javascript"
    able = frozenset({"n", "reasons", "stream_usage", "timeout"})

    def models(self, where: Place) -> list[str]:
        return next(_call(where, "models", LIMIT_S, {}))["models"]

    def ask(
        self,
        where: Place,
        turns: Turns,
        model: str = "base",
        timeout: float = LIMIT_S,
        **fields: Any,
    ) -> Outcome:
        asked = {"model": model, "messages": turns, **fields}
        return _outcome(next(_call(where, "ask", timeout, asked))["answer"])

    def stream(
        self, where: Place, turns: Turns, model: str = "base", **fields: Any
    ) -> Iterator[Outcome]:
        usage = {"stream_options": {"include_usage": True}}
        asked = {"model": model, "messages": turns, **usage, **fields}
        for said in _call(where, "stream", LIMIT_S, asked):
            yield _outcome(said["chunk"])


def aborted_after(where: Place, turns: Turns, pieces: int) -> Iterator[dict[str, Any]]:
    """A stream that its own AbortController ends after so many chunks; it lives until closed."""
    fields = {"model": "base", "messages": turns}
    yield from _call(where, "stream", LIMIT_S, fields, pieces, ends=True)


def _call(
    where: Place,
    call: str,
    timeout: float,
    fields: dict[str, Any],
    stop_after: int = 0,
    *,
    ends: bool = False,
) -> Iterator[dict[str, Any]]:
    asked = {
        "url": where.base, "key": where.key, "call": call, "timeout": timeout, "fields": fields,
        "stopAfter": stop_after,
    }  # fmt: skip
    with subprocess.Popen(
        ["node", str(_PROGRAM), json.dumps(asked)],
        env=os.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for line in process.stdout:
                said = json.loads(line)
                if "error" in said:
                    raise JavaScriptError(said["error"], said["message"])
                if "end" not in said or ends:
                    yield said
                if "end" in said:
                    return
        finally:
            process.stdin.close()
            process.terminate()


def _outcome(answer: dict[str, Any]) -> Outcome:
    choices = answer["choices"]
    texts = [""] * (1 + max((choice["index"] for choice in choices), default=-1))
    for choice in choices:
        said = choice["delta"] if "delta" in choice else choice["message"]
        texts[choice["index"]] = said.get("content") or ""
    used = answer.get("usage") or {}
    reasons = [choice["finish_reason"] for choice in choices]
    return Outcome(texts, reasons, used.get("prompt_tokens"), used.get("completion_tokens"))
