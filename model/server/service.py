"""The event loop's side of the engine: it accepts requests, and knows the worker's state."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from model.engine.api import BASE, AdapterCard, EngineLoad, TokenOutput
from model.errors import EngineFailed, ModelError, NotReady, UnknownModel
from model.loaded import LoadedModel, Loader
from model.protocol.cards import CardExtension, ModelCard
from model.protocol.chat_request import ChatRequest
from model.protocol.state import Health
from model.server.encoding import ShortFirst
from model.server.engine_thread import (
    AdapterAdded,
    AdapterNotAdded,
    AdapterRemoved,
    EngineThread,
    Event,
    Failed,
    Loaded,
    Progressed,
    RowAccepted,
    RowRefused,
    Stepped,
)
from model.server.forms import form_of
from model.server.generation import Generation
from model.server.metrics import WorkerMetrics
from model.server.preparing import constrain, encode_prompt, prepare
from model.settings import DEFAULT_MAX_TOKENS

log = logging.getLogger(__name__)

CHANGE_LIMIT_S = 60.0
_IDLE = EngineLoad(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class WorkerFailure:
    """Why the worker cannot go on; `loading` says whether it failed before it ever served."""

    message: str
    loading: bool


@dataclass(frozen=True, slots=True)
class _Change:
    """What is to be added (a card) or removed (a name); `done` gets None or the error."""

    what: AdapterCard | str
    done: asyncio.Future[ModelError | None]


class EngineService:
    """Owns the engine's thread; every method must be called on the event loop that made it.

    Every accepted request ends exactly once: with its answer, when the engine fails, when its
    reader leaves, or when the service closes. `beside` runs what would hold up the event loop.
    """

    def __init__(
        self, load: Loader, metrics: WorkerMetrics, default_max_tokens: int = DEFAULT_MAX_TOKENS
    ) -> None:
        self.metrics = metrics
        self._default_max_tokens = default_max_tokens
        self._status: Literal["loading", "ok", "draining", "failed"] = "loading"
        self._stage = "starting"
        self._progress: float | None = None
        self._error: str | None = None
        self._model: LoadedModel | None = None
        self._adapters: dict[str, AdapterCard] = {}
        self._change: _Change | None = None
        self._engine_load = _IDLE
        self._rows: dict[str, Generation] = {}
        self._no_rows = asyncio.Event()
        self._no_rows.set()
        self._loop = asyncio.get_running_loop()
        self._failure: asyncio.Future[WorkerFailure] = self._loop.create_future()
        self.beside = ShortFirst()
        self._thread = EngineThread(load, self._emit)

    def start(self) -> None:
        """Start to load the model in the engine's thread."""
        self._thread.start()

    async def failure(self) -> WorkerFailure:
        """Wait until loading or the engine fails, and return why."""
        return await asyncio.shield(self._failure)

    def health(self) -> Health:
        """The worker's state, as GET /health answers it."""
        return Health(
            status=self._status,
            stage=self._stage,
            progress=self._progress,
            error=self._error,
            model_id=None if self._model is None else self._model.model_id,
            busy_s=round(self.busy_s(), 3),
            running=self._engine_load.running,
            waiting=self._engine_load.waiting,
        )

    @property
    def answering(self) -> int:
        """How many requests have a reader that has not left."""
        return len(self._rows)

    def busy_s(self) -> float:
        """Seconds that the current step has been running; 0 between steps."""
        return self._thread.busy_s()

    def cards(self) -> list[ModelCard]:
        """The variants that are served, the base first; raises NotReady while there is no model."""
        model = self._ready()
        return [_card(model, None), *(_card(model, one) for one in self._adapters.values())]

    async def add_adapter(self, name: str, source: str) -> AdapterCard:
        """Serve the adapter in `source`, a folder or hub id, as `name`; return its card.

        Requests accepted before keep the adapter they have. Make one change at a time. Raises
        NotReady, or the ModelError that says why the adapter cannot be served.
        """
        model = self._ready()
        ready = await asyncio.to_thread(model.read_adapter, name, source)
        self._ready()  # it may have begun to drain meanwhile
        await self._changed(ready.card, lambda: self._thread.add_adapter(ready))
        return ready.card

    async def remove_adapter(self, name: str) -> None:
        """Accept no more requests under this name. One change at a time; raises NotReady."""
        self._ready()
        await self._changed(name, lambda: self._thread.remove_adapter(name))

    async def _changed(self, what: AdapterCard | str, ask: Callable[[], None]) -> None:
        done = self._loop.create_future()
        self._change = _Change(what, done)
        ask()
        try:
            async with asyncio.timeout(CHANGE_LIMIT_S):
                error = await done
        except TimeoutError:
            raise NotReady("a step takes too long") from None
        if error is not None:
            raise error

    @asynccontextmanager
    async def generate(self, request: ChatRequest) -> AsyncGenerator[Generation]:
        """Run a request for one answer: the first of `generate_all`."""
        async with self.generate_all(request) as generations:
            yield generations[0]

    @asynccontextmanager
    async def generate_all(self, request: ChatRequest) -> AsyncGenerator[list[Generation]]:
        """Run a request: the block gets its Generations once the engine has accepted the rows.

        Leaving the block early ends the rows within one step. A refused request raises its
        RequestError before the block begins.
        """
        async with AsyncExitStack() as stack:
            generations = await self._prepare(request)
            for generation in generations:
                await stack.enter_async_context(self._run(generation))
            for generation in generations:
                await generation.accepted()
            yield generations

    @asynccontextmanager
    async def _run(self, generation: Generation) -> AsyncGenerator[None]:
        self._rows[generation.id] = generation
        self._no_rows.clear()
        try:
            self._thread.add(generation.request)
            yield
        finally:
            if generation.abandon():
                self._thread.abort(generation.id)
            del self._rows[generation.id]
            if not self._rows:
                self._no_rows.set()
            if generation.was_accepted:
                self.metrics.ended(generation)

    async def drain(self, limit_s: float) -> None:
        """Refuse new requests; give the running ones `limit_s` seconds, then end them."""
        self._refuse_more()
        try:
            async with asyncio.timeout(limit_s):
                await self._no_rows.wait()
        except TimeoutError:
            log.warning("%d answers broken off after %g s of draining", len(self._rows), limit_s)
            for generation in self._rows.values():
                generation.fail(NotReady("draining"))
                self._thread.abort(generation.id)

    async def close(self, limit_s: float = 5.0) -> bool:
        """End all requests and the thread; False when it still runs after `limit_s` seconds."""
        self._refuse_more()
        for generation in self._rows.values():
            generation.fail(NotReady("draining"))
        self.beside.close()
        self._thread.close()
        return await asyncio.to_thread(self._thread.join, limit_s)

    def _refuse_more(self) -> None:
        if self._status != "failed":
            self._status = self._stage = "draining"
            self._progress = None

    async def _prepare(self, request: ChatRequest) -> list[Generation]:
        model = self._ready()
        if request.model != BASE and request.model not in self._adapters:
            raise UnknownModel(request.model, (BASE, *self._adapters))
        form = form_of(request)
        constraints = await constrain(model, form, request.n, self.beside)
        prompt = await encode_prompt(model, request, self.beside, form)
        self._ready()  # it may have begun to drain meanwhile
        return prepare(model, request, prompt, self._default_max_tokens, constraints)

    def _ready(self) -> LoadedModel:
        if self._model is None or self._status != "ok":
            raise NotReady(self._stage, self._progress)
        return self._model

    def _emit(self, event: Event) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(self._on_event, event)

    def _on_event(self, event: Event) -> None:
        match event:
            case Progressed(stage, progress):
                if self._status == "loading":
                    self._stage, self._progress = stage, progress
            case Loaded(model):
                self._on_loaded(model)
            case RowAccepted() | RowRefused():
                self._on_reply(event)
            case AdapterAdded() | AdapterRemoved() | AdapterNotAdded():
                self._on_change(event)
            case Stepped(outputs, load):
                self._on_step(outputs, load)
            case Failed(message, loading):
                self._on_failed(message, loading=loading)

    def _on_loaded(self, model: LoadedModel) -> None:
        self._model = model
        self._adapters = dict(model.adapters)
        if self._status == "loading":
            self._status, self._stage, self._progress = "ok", "ready", None
        names = ", ".join(model.engine.variants)
        log.info("serving %s (%s) as %s", model.model_id, model.compute, names)

    def _on_change(self, event: AdapterAdded | AdapterRemoved | AdapterNotAdded) -> None:
        match event:
            case AdapterAdded(card):
                self._adapters[card.name] = card
                self._settle(card, None)
            case AdapterRemoved(name):
                self._adapters.pop(name, None)
                self._settle(name, None)
            case AdapterNotAdded(card, error):
                self._settle(card, error)

    def _settle(self, what: AdapterCard | str, error: ModelError | None) -> None:
        change = self._change
        if change is not None and change.what == what and not change.done.done():
            change.done.set_result(error)

    def _on_reply(self, event: RowAccepted | RowRefused) -> None:
        generation = self._rows.get(event.id)
        match event:
            case RowAccepted(_, adapter) if generation is not None:
                generation.accept(adapter and adapter.hash)
            case RowRefused(_, error) if generation is not None:
                generation.fail(error)
            case _:
                pass  # the reader has left

    def _on_step(self, outputs: list[TokenOutput], load: EngineLoad) -> None:
        self._engine_load = load
        self.metrics.loaded(load)
        for output in outputs:
            generation = self._rows.get(output.id)
            if generation is None or generation.ended:
                continue
            generation.feed(output)
            if generation.ended and output.finish_reason is None:
                self._thread.abort(output.id)  # a stop string: the engine does not know yet

    def _on_failed(self, message: str, *, loading: bool) -> None:
        line = " ".join(message.split())
        self._status, self._stage, self._progress, self._error = "failed", "failed", None, line
        if self._change is not None:
            self._settle(self._change.what, NotReady("failed"))
        for generation in self._rows.values():
            generation.fail(EngineFailed(f"the engine failed: {line}"))
        if not self._failure.done():
            self._failure.set_result(WorkerFailure(line, loading))


def _card(model: LoadedModel, adapter: AdapterCard | None) -> ModelCard:
    return ModelCard(
        id=BASE if adapter is None else adapter.name,
        owned_by="fungpt",
        root=model.model_id,
        parent=None if adapter is None else BASE,
        fungpt=CardExtension(
            model_id=model.model_id,
            adapter_hash=None if adapter is None else adapter.hash,
            max_context=model.engine.max_context,
        ),
    )
