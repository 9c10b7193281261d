"""The thread that owns the engine: it loads the model and is the only one to call the engine."""

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
from model.loaded import LoadedModel, Loader

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progressed:
    """Loading reached this stage; `progress` is from 0 to 1, or None where nobody knows."""

    stage: str
    progress: float | None


@dataclass(frozen=True, slots=True)
class Loaded:
    """Loading is done; from here on the thread serves this model."""

    model: LoadedModel


@dataclass(frozen=True, slots=True)
class RowAccepted:
    """The engine took the row `id`; `adapter` answers it, or the base where it is None."""

    id: str
    adapter: AdapterCard | None


@dataclass(frozen=True, slots=True)
class RowRefused:
    """The engine did not take the row `id`; `error` is what its sender is to be told."""

    id: str
    error: RequestError


@dataclass(frozen=True, slots=True)
class AdapterAdded:
    """From here on, this adapter answers new rows of its name."""

    card: AdapterCard


@dataclass(frozen=True, slots=True)
class AdapterRemoved:
    """From here on, no adapter takes new rows under this name."""

    name: str


@dataclass(frozen=True, slots=True)
class AdapterNotAdded:
    """The adapter does not fit into memory; what was served before is still served."""

    card: AdapterCard
    error: ModelError


@dataclass(frozen=True, slots=True)
class Stepped:
    """One step's outputs, and how full the engine is after it."""

    outputs: list[TokenOutput]
    load: EngineLoad


@dataclass(frozen=True, slots=True)
class Failed:
    """The thread has ended with an error: while loading where `loading`, else in a step."""

    message: str
    loading: bool


Event = (
    Progressed
    | Loaded
    | RowAccepted
    | RowRefused
    | AdapterAdded
    | AdapterRemoved
    | AdapterNotAdded
    | Stepped
    | Failed
)


@dataclass(frozen=True, slots=True)
class _Abort:
    id: str
    complete: bool


@dataclass(frozen=True, slots=True)
class _RemoveAdapter:
    name: str


@dataclass(frozen=True, slots=True)
class _Close:
    pass


_Command = TokenRequest | ReadyAdapter | _Abort | _RemoveAdapter | _Close


class EngineThread:
    """Runs a loader and its engine in a daemon thread; `emit` is called from that thread.

    Commands wait in a queue that the thread reads between steps. While there is no work, it
    sleeps until the next command.
    """

    def __init__(self, load: Loader, emit: Callable[[Event], None]) -> None:
        self._load = load
        self._emit = emit
        self._inbox: queue.SimpleQueue[_Command] = queue.SimpleQueue()
        self._busy_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Start the thread, which begins to load."""
        self._thread.start()

    def add(self, request: TokenRequest) -> None:
        """Ask the engine to take a row; RowAccepted or RowRefused follows."""
        self._inbox.put(request)

    def abort(self, request_id: str, *, complete: bool = False) -> None:
        """Ask the engine to end a row (`Engine.abort`); an unknown id is ignored."""
        self._inbox.put(_Abort(request_id, complete))

    def add_adapter(self, ready: ReadyAdapter) -> None:
        """Ask the engine to serve an adapter; AdapterAdded or AdapterNotAdded follows."""
        self._inbox.put(ready)

    def remove_adapter(self, name: str) -> None:
        """Ask the engine to give an adapter no new rows; AdapterRemoved follows."""
        self._inbox.put(_RemoveAdapter(name))

    def close(self) -> None:
        """Ask the thread to end after the current step."""
        self._inbox.put(_Close())

    def join(self, limit_s: float) -> bool:
        """Wait up to `limit_s` seconds for the thread to end; False when it is still busy then."""
        if self._thread.is_alive():
            self._thread.join(limit_s)
        return not self._thread.is_alive()

    def busy_s(self) -> float:
        """Seconds that the current step has been running; 0 between steps."""
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
        except Exception as error:  # the thread's border: after any error, this worker cannot go on
            log.exception("the engine failed while %s", "loading" if loading else "running")
            self._emit(Failed(f"{type(error).__name__}: {error}", loading))

    def _serve(self, engine: Engine) -> None:
        while True:
            aborted = False
            for command in self._commands(wait=not engine.has_work()):
                match command:
                    case _Close():
                        return
                    case _Abort(request_id, complete):
                        engine.abort(request_id, complete=complete)
                        aborted = True
                    case TokenRequest():
                        self._add(engine, command)
                    case ReadyAdapter():
                        self._add_adapter(engine, command)
                    case _RemoveAdapter(name):
                        engine.remove_adapter(name)
                        self._emit(AdapterRemoved(name))
            if aborted or engine.has_work():
                self._busy_since = time.monotonic()
                outputs = engine.step()
                self._busy_since = None
                self._emit(Stepped(outputs, engine.load()))

    def _add(self, engine: Engine, request: TokenRequest) -> None:
        try:
            adapter = engine.add(request)
        except RequestError as error:
            self._emit(RowRefused(request.id, error))
        else:
            self._emit(RowAccepted(request.id, adapter))

    def _add_adapter(self, engine: Engine, ready: ReadyAdapter) -> None:
        try:
            engine.add_adapter(ready)
        except ModelError as error:
            self._emit(AdapterNotAdded(ready.card, error))
        else:
            self._emit(AdapterAdded(ready.card))

    def _commands(self, *, wait: bool) -> list[_Command]:
        commands = [self._inbox.get()] if wait else []
        while True:
            try:
                commands.append(self._inbox.get_nowait())
            except queue.Empty:
                return commands
