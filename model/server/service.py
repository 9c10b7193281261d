"""The event loop's side of the engine: it accepts requests, and knows the worker's state."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from model.engine.api import BASE, AdapterCard, EngineLoad
from model.errors import EngineFailed, NotReady, UnknownModel
from model.loaded import LoadedModel, Loader
from model.protocol.cards import CardExtension, ModelCard
from model.protocol.chat_request import AnswerRequest, ChatRequest
from model.protocol.state import Health
from model.server.answer.forms import form_of
from model.server.answer.generation import Generation
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
from model.server.metrics import WorkerMetrics
from model.server.preparing import constrain, encode_prompts, prepare
from model.server.rows import AnsweringRows
from model.server.served_adapters import ServedAdapters
from model.settings import DEFAULT_MAX_TOKENS

log = logging.getLogger(__name__)

_IDLE = EngineLoad(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class WorkerFailure:
    """Why the worker cannot go on; `loading` says whether it failed before it ever served."""

    message: str
    loading: bool


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
        self._adapters = ServedAdapters()
        self._engine_load = _IDLE
        self._loop = asyncio.get_running_loop()
        self._failure: asyncio.Future[WorkerFailure] = self._loop.create_future()
        self.beside = ShortFirst()
        self._thread = EngineThread(load, self._emit)
        self._rows = AnsweringRows(self._thread, metrics)

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
        return [_card(model, None), *(_card(model, one) for one in self._adapters.cards())]

    async def add_adapter(self, name: str, source: str) -> AdapterCard:
        """Serve the adapter in `source`, a folder or hub id, as `name`; return its card.

        Requests accepted before keep the adapter they have. Make one change at a time. Raises
        NotReady, or the ModelError that says why the adapter cannot be served.
        """
        model = self._ready()
        ready = await asyncio.to_thread(model.read_adapter, name, source)
        self._ready()  # it may have begun to drain meanwhile
        await self._adapters.change(ready.card, lambda: self._thread.add_adapter(ready))
        return ready.card

    async def remove_adapter(self, name: str) -> None:
        """Accept no more requests under this name. One change at a time; raises NotReady."""
        self._ready()
        await self._adapters.change(name, lambda: self._thread.remove_adapter(name))

    @asynccontextmanager
    async def generate(self, request: AnswerRequest) -> AsyncGenerator[Generation]:
        """Run a request for one answer: the first of `generate_all`."""
        async with self.generate_all(request) as generations:
            yield generations[0]

    @asynccontextmanager
    async def generate_all(self, request: AnswerRequest) -> AsyncGenerator[list[Generation]]:
        """Run a request: the block gets its Generations once the engine has accepted the rows.

        Leaving the block early ends the rows within one step. A refused request raises its
        RequestError before the block begins.
        """
        async with AsyncExitStack() as stack:
            generations = await self._prepare(request)
            for generation in generations:
                await stack.enter_async_context(self._rows.answer(generation))
            for generation in generations:
                await generation.accepted()
            yield generations

    async def drain(self, limit_s: float) -> None:
        """Refuse new requests; give the running ones `limit_s` seconds, then end them."""
        self._refuse_more()
        try:
            async with asyncio.timeout(limit_s):
                await self._rows.none_left()
        except TimeoutError:
            log.warning("%d answers broken off after %g s of draining", len(self._rows), limit_s)
            self._rows.end(NotReady("draining"))

    async def close(self, limit_s: float = 5.0) -> bool:
        """End all requests and the thread; False when it still runs after `limit_s` seconds."""
        self._refuse_more()
        self._rows.end(NotReady("draining"))
        self.beside.close()
        self._thread.close()
        return await asyncio.to_thread(self._thread.join, limit_s)

    def _refuse_more(self) -> None:
        if self._status != "failed":
            self._status = self._stage = "draining"
            self._progress = None

    async def _prepare(self, request: AnswerRequest) -> list[Generation]:
        model = self._ready()
        variants = (BASE, *self._adapters.names())
        if request.model not in variants:
            raise UnknownModel(request.model, variants)
        form = form_of(request) if isinstance(request, ChatRequest) else None
        constraints = await constrain(model, form, request.n, self.beside)
        prompts = await encode_prompts(model, request, self.beside, form)
        self._ready()  # it may have begun to drain meanwhile
        return prepare(model, request, prompts, self._default_max_tokens, constraints)

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
                self._rows.on_reply(event)
            case AdapterAdded() | AdapterRemoved() | AdapterNotAdded():
                self._adapters.on_change(event)
            case Stepped(outputs, load):
                self._engine_load = load
                self.metrics.loaded(load)
                self._rows.on_step(outputs)
            case Failed(message, loading):
                self._on_failed(message, loading=loading)

    def _on_loaded(self, model: LoadedModel) -> None:
        self._model = model
        self._adapters.begin(model.adapters)
        if self._status == "loading":
            self._status, self._stage, self._progress = "ok", "ready", None
        names = ", ".join(model.engine.variants)
        log.info("serving %s (%s) as %s", model.model_id, model.compute, names)

    def _on_failed(self, message: str, *, loading: bool) -> None:
        line = " ".join(message.split())
        self._status, self._stage, self._progress, self._error = "failed", "failed", None, line
        self._adapters.fail(NotReady("failed"))
        self._rows.end(EngineFailed(f"the engine failed: {line}"))
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
