"""The serving engine without a server, for evaluation: many requests in, all answers out."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from model.assembly import assemble
from model.engine.api import BASE, Engine, FinishReason, TokenRequest
from model.errors import ContextLengthExceeded
from model.loading.adapters import load_adapter
from model.loading.base import Progress, ResolvedBase
from model.loading.quantised import check_architecture
from model.sampling import SamplingParams
from model.settings import WorkerSettings
from model.text.codec import ChatTurn, Codec, Detokenizer


@dataclass(frozen=True, slots=True)
class OfflineRequest:
    """One conversation to answer, by one variant ("base" or an adapter's name)."""

    turns: tuple[ChatTurn, ...]
    variant: str
    params: SamplingParams


@dataclass(frozen=True, slots=True)
class OfflineAnswer:
    """A generated answer, without the prompt.

    `completion_tokens` does not count the end token; neither does the server.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: FinishReason


class OfflineModel:
    """A base and its adapters in one engine, with the prompts and the decoding of serving.

    `hashes` gives the hash of each adapter by name; `compute` says how and where the model
    computes, in words.
    """

    def __init__(
        self, engine: Engine, codec: Codec, hashes: Mapping[str, str], compute: str
    ) -> None:
        self.hashes = dict(hashes)
        self.compute = compute
        self._engine = engine
        self._codec = codec

    @classmethod
    def open(
        cls,
        base: ResolvedBase,
        adapters: Mapping[str, Path],
        progress: Progress,
        *,
        max_running: int = 8,
        today: date | None = None,
    ) -> "OfflineModel":
        """Load `base` in 4 bits with these adapters (folders in peft's format, by name).

        `max_running` is the number of rows in a batch, `today` the date that the chat template is
        told, today's when None. Raises ConfigError, AdapterMismatch or UnsupportedArchitecture,
        one line each.
        """
        config = check_architecture(base)
        read = [
            load_adapter(name, str(folder), base, config, progress)
            for name, folder in adapters.items()
        ]
        loaded = assemble(_settings(max_running), base, config, read, today)
        hashes = {name: card.hash for name, card in loaded.adapters.items()}
        return cls(loaded.engine, loaded.codec, hashes, loaded.compute)

    @property
    def variants(self) -> tuple[str, ...]:
        """The names that a request may ask for, "base" first."""
        return self._engine.variants

    def generate(
        self, requests: Sequence[OfflineRequest], on_answer: Callable[[], None] = lambda: None
    ) -> list[OfflineAnswer]:
        """Return the answers in the order of the requests; call `on_answer` after each of them.

        The same requests in the same order get the same answers, because every row has its own
        seed. All requests wait in the engine's queue, and a row starts when another ends. Raises
        BadParameter, UnknownModel or ContextLengthExceeded before anything is generated.
        """
        rows = [self._row(place, request) for place, request in enumerate(requests)]
        with self._running(rows):
            for place in self._ended(rows):
                rows[place].finish()
                on_answer()
        return [row.answer() for row in rows]

    def _row(self, place: int, request: OfflineRequest) -> "_Row":
        ids = tuple(self._codec.encode_chat(request.turns))
        most, limit = len(ids) + request.params.max_tokens, self._engine.max_context
        if most > limit:
            raise ContextLengthExceeded(limit, most)
        asked = TokenRequest(str(place), ids, request.variant, request.params)
        return _Row(asked, self._codec.new_detokenizer())

    @contextmanager
    def _running(self, rows: "Sequence[_Row]") -> Generator[None]:
        """Add the rows to the engine; on leaving, also with an error, the engine is empty again."""
        try:
            for row in rows:
                self._engine.add(row.request)
            yield
        finally:
            for row in rows:
                self._engine.abort(row.request.id)
            while self._engine.has_work():
                self._engine.step()

    def _ended(self, rows: "Sequence[_Row]") -> Iterator[int]:
        """Step until no row is left, and yield the number of each row that ends."""
        while self._engine.has_work():
            for output in self._engine.step():
                row = rows[int(output.id)]
                if output.token_id is not None:
                    row.take(output.token_id)
                if output.finish_reason is not None:
                    row.reason = output.finish_reason
                    yield int(output.id)


class _Row:
    """An answer that is being generated."""

    def __init__(self, request: TokenRequest, detokenizer: Detokenizer) -> None:
        self.request = request
        self.reason = FinishReason.ERROR  # until the engine says otherwise
        self._detokenizer = detokenizer
        self._text: list[str] = []
        self._tokens = 0

    def take(self, token_id: int) -> None:
        """Add a token."""
        self._tokens += 1
        self._text.append(self._detokenizer.add(token_id))

    def finish(self) -> None:
        """Add the text that the detokenizer still holds; no token comes after it."""
        self._text.append(self._detokenizer.flush())

    def answer(self) -> OfflineAnswer:
        """The whole answer."""
        prompt = len(self.request.input_ids)
        return OfflineAnswer("".join(self._text), prompt, self._tokens, self.reason)


def _settings(max_running: int) -> WorkerSettings:
    """The worker's defaults. The environment is not read: a report must not depend on it."""
    return WorkerSettings.model_construct(
        base_model=BASE,
        adapters={},
        max_running=max_running,
        max_waiting=10**9,  # all requests wait in the queue, and none is refused
        prefill_chunk=256,
    )
