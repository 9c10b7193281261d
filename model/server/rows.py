"""The rows that are being answered: each is followed from the engine's thread to its reader."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager

from model.engine.api import TokenOutput
from model.errors import EngineFailed, NotReady
from model.server.answer.generation import Generation
from model.server.engine_thread import EngineThread, RowAccepted, RowRefused
from model.server.metrics import WorkerMetrics


class AnsweringRows:
    """The Generations that have a reader, by the id of their row. For one event loop."""

    def __init__(self, thread: EngineThread, metrics: WorkerMetrics) -> None:
        self._thread = thread
        self._metrics = metrics
        self._rows: dict[str, Generation] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Generation]:
        return iter(self._rows.values())

    @asynccontextmanager
    async def answer(self, generation: Generation) -> AsyncGenerator[None]:
        """Give the row to the engine; leaving the block ends it within one step."""
        self._rows[generation.id] = generation
        self._empty.clear()
        try:
            self._thread.add(generation.request)
            yield
        finally:
            if generation.abandon():
                self._thread.abort(generation.id)
            del self._rows[generation.id]
            if not self._rows:
                self._empty.set()
            if generation.was_accepted:
                self._metrics.ended(generation)

    async def none_left(self) -> None:
        """Wait until no row has a reader."""
        await self._empty.wait()

    def end(self, error: NotReady | EngineFailed) -> None:
        """End every row with this error, in the engine as well."""
        for generation in self._rows.values():
            generation.fail(error)
            self._thread.abort(generation.id)

    def on_reply(self, event: RowAccepted | RowRefused) -> None:
        """Take whether the engine accepted a row; its reader may have left."""
        generation = self._rows.get(event.id)
        match event:
            case RowAccepted(_, adapter) if generation is not None:
                generation.accept(adapter and adapter.hash)
            case RowRefused(_, error) if generation is not None:
                generation.fail(error)
            case _:
                pass  # the reader has left

    def on_step(self, outputs: Sequence[TokenOutput]) -> None:
        """Take the outputs of one step of the engine."""
        for output in outputs:
            generation = self._rows.get(output.id)
            if generation is None or generation.ended:
                continue
            generation.feed(output)
            if generation.ended and output.finish_reason is None:
                # A stop string: the engine does not know yet.
                self._thread.abort(output.id, complete=True)
