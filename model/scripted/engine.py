"""An engine without weights: the interface and limits of the real one, answers by script.

`BASE_MODEL=scripted` selects it, for tests of whatever talks to the worker, for example with
`FUNGPT_SCRIPT={"reply": "{prompt}? Hot take.", "step_seconds": 0.01, "crash_after_tokens": 20}`.
"""

import hashlib
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from model.engine.api import (
    BASE,
    AdapterCard,
    EngineLoad,
    FinishReason,
    ReadyAdapter,
    TokenOutput,
    TokenRequest,
    TokenScores,
)
from model.errors import ContextLengthExceeded, EngineQueueFull, ModelError, UnknownModel
from model.loaded import LoadedModel
from model.loading.base import Progress
from model.loading.registry import Registry
from model.scripted.codec import ScriptedCodec, begun_answer, count_turns, last_prompt
from model.scripted.script import Script
from model.settings import WorkerSettings

MODEL_ID = "scripted"
BLOCK = 16
CRASH_CODE = 70
_LOOK_S = 0.01  # between two looks for a file
_LAST_WORDS_S = 0.05


@dataclass(frozen=True, slots=True)
class Outside:
    """What the engine does to its process; tests pass functions that do something else."""

    sleep: Callable[[float], object] = time.sleep
    crash: Callable[[], object] = lambda: os._exit(CRASH_CODE)
    hang: Callable[[], object] = lambda: threading.Event().wait()


@dataclass(frozen=True, slots=True)
class Limits:
    """The most rows that run, rows that wait, and tokens of one row."""

    max_running: int = 8
    max_waiting: int = 64
    max_context: int = 4096


@dataclass(slots=True)
class _Row:
    request: TokenRequest
    reply: bytes
    said: int = 0

    def next(self) -> TokenOutput:
        if self.said == len(self.reply):
            return TokenOutput(self.request.id, None, FinishReason.STOP)
        token = self.reply[self.said]
        self.said += 1
        end = FinishReason.LENGTH if self.said == self.request.params.max_tokens else None
        return TokenOutput(self.request.id, token, end, scores=self._scores(token))

    def _scores(self, token: int) -> TokenScores | None:
        """The token it says has one half, the next byte half of what is left, and so on."""
        most = self.request.params.logprobs
        if most is None:
            return None
        top = (((token + place) % 256, (place + 1) * math.log(0.5)) for place in range(most))
        return TokenScores(math.log(0.5), tuple(top))

    def blocks(self) -> int:
        return -(-(len(self.request.input_ids) + self.said) // BLOCK)


class ScriptedEngine:
    """Answers by script; rows join and leave between steps, as in the real engine."""

    def __init__(
        self,
        script: Script,
        limits: Limits | None = None,
        outside: Outside | None = None,
        adapters: Mapping[str, AdapterCard] | None = None,
    ) -> None:
        self._script = script
        self._adapters = dict(_cards(script) if adapters is None else adapters)
        self._limits = limits or Limits()
        self._outside = outside or Outside()
        self._waiting: deque[_Row] = deque()
        self._running: list[_Row] = []
        self._aborted: list[TokenOutput] = []
        self._tokens = 0
        self._struck: set[str] = set()

    @property
    def variants(self) -> tuple[str, ...]:
        """The base, the script's variants, and the adapters that were added."""
        return (BASE, *self._adapters)

    @property
    def max_context(self) -> int:
        """The most tokens of one row, prompt and answer together."""
        return self._limits.max_context

    def add_adapter(self, ready: ReadyAdapter) -> None:
        """Answer under the adapter's name from now on."""
        ready.place()
        self._adapters[ready.card.name] = ready.card

    def remove_adapter(self, name: str) -> None:
        """Take no new rows under this name. Unknown: ignored."""
        self._adapters.pop(name, None)

    def add(self, request: TokenRequest) -> AdapterCard | None:
        """Take a row, or raise ContextLengthExceeded, UnknownModel or EngineQueueFull."""
        if request.variant not in self.variants:
            raise UnknownModel(request.variant, self.variants)
        asked = len(request.input_ids) + request.params.max_tokens
        if asked > self.max_context:
            raise ContextLengthExceeded(self.max_context, asked)
        held = len(self._running) + len(self._waiting)
        if held >= self._limits.max_running + self._limits.max_waiting:
            raise EngineQueueFull(retry_after=1.0)
        prompt, turns = last_prompt(request.input_ids), count_turns(request.input_ids)
        answer = self._script.answer(request.variant, prompt, request.params.seed or 0, turns)
        reply = answer.encode("utf-8", "replace").removeprefix(begun_answer(request.input_ids))
        self._waiting.append(_Row(request, reply))
        return self._adapters.get(request.variant)

    def abort(self, request_id: str, *, complete: bool = False) -> None:
        """End a row; the next step gives its ABORT output."""
        for rows in (self._waiting, self._running):
            for row in rows:
                if row.request.id == request_id:
                    rows.remove(row)
                    self._aborted.append(TokenOutput(request_id, None, FinishReason.ABORT))
                    return

    def step(self) -> list[TokenOutput]:
        """Give each running row one byte."""
        outputs, self._aborted = self._aborted, []
        while self._waiting and len(self._running) < self._limits.max_running:
            self._running.append(self._waiting.popleft())
        if not self._running:
            return outputs
        if self._script.step_seconds:
            self._outside.sleep(self._script.step_seconds)
        outputs += self._strike()
        for row in tuple(self._running):
            output = row.next()
            outputs.append(output)
            self._tokens += output.token_id is not None
            if output.finish_reason is not None:
                self._running.remove(row)
        return outputs

    def has_work(self) -> bool:
        """Whether a step would do something."""
        return bool(self._waiting or self._running or self._aborted)

    def load(self) -> EngineLoad:
        """How full the engine is."""
        used = sum(row.blocks() for row in self._running)
        total = self._limits.max_running * -(-self._limits.max_context // BLOCK)
        return EngineLoad(len(self._running), len(self._waiting), used, total)

    def _strike(self) -> list[TokenOutput]:
        script = self._script
        if self._due("crash", script.crash_after_tokens):
            self._outside.sleep(_LAST_WORDS_S)  # what was said so far reaches its reader
            self._outside.crash()
        if self._due("hang", script.hang_after_tokens):
            self._outside.hang()
        if self._due("raise", script.raise_after_tokens):
            raise RuntimeError("the script says: raise")
        if self._due("error", script.error_after_tokens):
            row = self._running.pop(0)
            return [TokenOutput(row.request.id, None, FinishReason.ERROR, "the script says: error")]
        return []

    def _due(self, fault: str, after: int | None) -> bool:
        if after is None or self._tokens < after or fault in self._struck:
            return False
        self._struck.add(fault)
        marker = self._script.fault_marker
        if marker is None:
            return True
        past = marker.stat().st_size if marker.exists() else 0
        if past >= self._script.fault_times:
            return False
        with marker.open("ab") as file:
            file.write(b"x")
        return True


def load_scripted(
    script: Script, settings: WorkerSettings, progress: Progress, outside: Outside | None = None
) -> LoadedModel:
    """Make the scripted model, in the script's loading time; raises ModelError if it says so."""
    outside = outside or Outside()
    for part in range(10):
        progress("loading the script", part / 10)
        if script.load_seconds:
            outside.sleep(script.load_seconds / 10)
    while script.load_until is not None and not script.load_until.exists():
        outside.sleep(_LOOK_S)
    if script.hang_load:
        outside.hang()
    if script.fail_load is not None:
        raise ModelError(script.fail_load)
    limits = Limits(
        settings.running_rows("cpu") if script.max_running is None else script.max_running,
        settings.max_waiting if script.max_waiting is None else script.max_waiting,
        settings.max_context if script.max_context is None else script.max_context,
    )
    adapters = _cards(script)
    for name, folder in Registry(settings.fungpt_home).promoted().items():
        adapters[name] = _card(name, str(folder))
    return LoadedModel(
        ScriptedEngine(script, limits, outside, adapters),
        ScriptedCodec(),
        MODEL_ID,
        adapters,
        lambda name, source: ReadyAdapter(_card(name, source), lambda: None),
        "a script",
    )


def _cards(script: Script) -> dict[str, AdapterCard]:
    return {name: _card(name, name) for name in script.variants if name != BASE}


def _card(name: str, source: str) -> AdapterCard:
    """A card without a file: the hash is that of the folder's name alone."""
    return AdapterCard(name, hashlib.sha256(Path(source).name.encode()).hexdigest(), source)
