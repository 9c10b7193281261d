"""Simon Willison's llm: its file of further models, its library and its command."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import llm

from tests.clients.answers import LIMIT_S, Outcome, Place, Turns

_MODEL = """
- model_id: fungpt
  model_name: {model}
  api_base: {base}
  api_key_name: fungpt
  supports_schema: true
  supports_tools: true
"""
_ROLES = {"system": llm.system, "user": llm.user, "assistant": llm.assistant}


class LLMClient:
    """`llm` with extra-openai-models.yaml. It tries again twice itself and takes no time limit."""

    name = "llm"
    able = frozenset({"stream_usage"})

    def models(self, where: Place) -> list[str]:
        with home(where, "base"):
            done = command("openai", "endpoint", where.base, "--key", where.key, "--models")
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    def ask(
        self,
        where: Place,
        turns: Turns,
        model: str = "base",
        timeout: float = LIMIT_S,
        **fields: Any,
    ) -> Outcome:
        response = respond(where, turns, model, stream=False, **fields)
        text = response.text()
        used = response.usage()
        return Outcome([text], [], used.input, used.output)

    def stream(
        self, where: Place, turns: Turns, model: str = "base", **fields: Any
    ) -> Iterator[Outcome]:
        response = respond(where, turns, model, stream=True, **fields)
        for piece in response:
            yield Outcome([piece])
        used = response.usage()
        yield Outcome([""], [], used.input, used.output)


def respond(
    where: Place, turns: Turns, model: str, stream: bool, **fields: Any
) -> llm.models.Response:
    """A response that has not been asked for yet: reading it asks. `fields` are llm's options."""
    kept = {name: fields.pop(name) for name in ("schema", "tools") if name in fields}
    messages = [_ROLES[turn["role"]](turn["content"]) for turn in turns]
    with home(where, model):
        found = llm.get_model("fungpt")
    assert isinstance(found, llm.KeyModel)
    return found.prompt(messages=messages, stream=stream, key=where.key, options=fields, **kept)


@contextmanager
def home(where: Place, model: str) -> Iterator[Path]:
    """A folder of llm's own, whose model `fungpt` is this worker's `model`."""
    with TemporaryDirectory() as folder:
        text = _MODEL.format(model=model, base=where.base)
        Path(folder, "extra-openai-models.yaml").write_text(text)
        os.environ["LLM_USER_PATH"] = folder
        yield Path(folder)


def command(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command `llm`."""
    return subprocess.run(
        [sys.executable, "-m", "llm", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
