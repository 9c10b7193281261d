"""The thread that owns the engine: it loads, adds, aborts and steps; nobody else touches it."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from model.engine.api import (
    AdapterCard,
    Engine,
    EngineLoad,
    ReadyAdapter,
    TokenOutput,
    TokenRequest,
)
from model.errors import ModelError, RequestError
from model.loaded import LoadedModel

log = logging.getLogger(__name__)

Progress = Callable[[str, float | None], None]
Loader = Callable[[Progress], LoadedModel]


@dataclass(frozen=True, slots=True)
class Progressed:
    """Loading reached this stage; `progress` from 0 to 1 where it is known."""

    stage: str
    progress: float | None


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model is there."""

    model: LoadedModel


@dataclass(frozen=True, slots=True)
class Accepted:
    """The engine took the row; `adapter` answers it, None: the base."""

    id: str
    adapter: AdapterCard | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The engine did not take the row."""

    id: str
    error: RequestError


@dataclass(frozen=True, slots=True)
class Adopted:
    """From here on, new rows of this name are answered by this adapter."""

    card: AdapterCard


@dataclass(frozen=True, slots=True)
class Dropped:
    """No adapter of this name takes new rows any more."""

    name: str


@dataclass(frozen=True, slots=True)
class NotAdopted:
    """There was no room for the adapter; what was served is served on."""

    card: AdapterCard
    error: ModelError


@dataclass(frozen=True, slots=True)
class Stepped:
    """What a step gave, and how full the engine is after it."""

    outputs: list[TokenOutput]
    load: EngineLoad


@dataclass(frozen=True, slots=True)
class Failed:
    """Loading (`loading`) or a step failed; the thread has ended."""

    message: str
    loading: bool


Event = Progressed | Loaded | Accepted | Refused | Adopted | Dropped | NotAdopted | Stepped | Failed


@dataclass(frozen=True, slots=True)
class _Abort:
    id: str


@dataclass(frozen=True, slots=True)
class _Drop:
    name: str


@dataclass(frozen=True, slots=True)
class _Close:
    pass


_Command = TokenRequest | ReadyAdapter | _Abort | _Drop | _Close


class EngineThread:
    """Runs a loader and its engine in a daemon thread; `emit` is called from that thread.

    Commands go through an inbox that is looked at between steps; without work the thread sleeps
    on it.
    """

    def __init__(self, load: Loader, emit: Callable[[Event], None]) -> None:
        self._load = load
        self._emit = emit
        self._inbox: queue.SimpleQueue[_Command] = queue.SimpleQueue()
        self._busy_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Begin loading."""
        self._thread.start()

    def add(self, request: TokenRequest) -> None:
        """Ask for a row; Accepted or Refused follows."""
        self._inbox.put(request)

    def abort(self, request_id: str) -> None:
        """Ask for a row's end."""
        self._inbox.put(_Abort(request_id))

    def adopt(self, ready: ReadyAdapter) -> None:
        """Ask for an adapter's serving; Adopted or NotAdopted follows."""
        self._inbox.put(ready)

    def drop(self, name: str) -> None:
        """Ask for the end of an adapter's serving; Dropped follows."""
        self._inbox.put(_Drop(name))

    def close(self) -> None:
        """Ask the thread to end after the current step."""
        self._inbox.put(_Close())

    def join(self, limit_s: float) -> bool:
        """Wait for the thread's end; False when it is still busy after `limit_s`."""
        if self._thread.is_alive():
            self._thread.join(limit_s)
        return not self._thread.is_alive()

    def busy_s(self) -> float:
        """How long the current step has been running, 0 between steps."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def _run(self) -> None:
        loading = True
        try:
            model = self._load(lambda stage, progress: self._emit(Progressed(stage, progress)))
            loading = False
            self._emit(Loaded(model))
            self._serve(model.engine)
        except ModelError as error:
            self._emit(Failed(str(error), loading))
        except Exception as error:  # the thread's border: whatever it was, the worker is done for
            log.exception("the engine failed while %s", "loading" if loading else "running")
            self._emit(Failed(f"{type(error).__name__}: {error}", loading))

    def _serve(self, engine: Engine) -> None:
        while True:
            aborted = False
            for command in self._commands(wait=not engine.has_work()):
                match command:
                    case _Close():
                        return
                    case _Abort(request_id):
                        engine.abort(request_id)
                        aborted = True
                    case TokenRequest():
                        self._add(engine, command)
                    case ReadyAdapter():
                        self._adopt(engine, command)
                    case _Drop(name):
                        engine.drop(name)
                        self._emit(Dropped(name))
            if aborted or engine.has_work():
                self._busy_since = time.monotonic()
                outputs = engine.step()
                self._busy_since = None
                self._emit(Stepped(outputs, engine.load()))

    def _add(self, engine: Engine, request: TokenRequest) -> None:
        try:
            adapter = engine.add(request)
        except RequestError as error:
            self._emit(Refused(request.id, error))
        else:
            self._emit(Accepted(request.id, adapter))

    def _adopt(self, engine: Engine, ready: ReadyAdapter) -> None:
        try:
            engine.adopt(ready)
        except ModelError as error:
            self._emit(NotAdopted(ready.card, error))
        else:
            self._emit(Adopted(ready.card))

    def _commands(self, *, wait: bool) -> list[_Command]:
        commands = [self._inbox.get()] if wait else []
        while True:
            try:
                commands.append(self._inbox.get_nowait())
            except queue.Empty:
                return commands
