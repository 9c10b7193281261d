"""The serving engine without a server: many prompts in, all answers out. For evaluation."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from model.assembly import (
    BASE_VARIANT,
    TokenizerCodec,
    build_engine,
    choose_compute,
    end_ids,
    longest_context,
)
from model.engine.api import FinishReason, TokenRequest
from model.engine.engine import TokenEngine
from model.engine.sampling import SamplingParams
from model.errors import ContextLengthExceeded
from model.loading.adapters import load_adapter
from model.loading.base import Progress, ResolvedBase
from model.loading.quantised import check_architecture, default_device, load_quantised
from model.runner.weights import loading_dtype, take_weights
from model.settings import WorkerSettings
from model.text.codec import ChatTurn, Detokenizer

_MAX_CONTEXT = 4096


@dataclass(frozen=True, slots=True)
class OfflineRequest:
    """One conversation to answer, by one variant ("base" or an adapter's name)."""

    turns: tuple[ChatTurn, ...]
    variant: str
    params: SamplingParams


@dataclass(frozen=True, slots=True)
class OfflineAnswer:
    """What was generated: the prompt is no part of `text` nor of `completion_tokens`.

    `completion_tokens` leaves the end token out, as the server does.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: FinishReason


class OfflineModel:
    """A base and its adapters in one engine, with serving's renderer and detokenizer."""

    def __init__(
        self, engine: TokenEngine, codec: TokenizerCodec, hashes: Mapping[str, str], compute: str
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

        `today` is the date that the chat template is told, today's when None.
        Raises ConfigError or AdapterMismatch, one line each.
        """
        settings = _settings(max_running)
        config = check_architecture(base)
        loaded = [
            load_adapter(name, str(folder), base, config, progress)
            for name, folder in adapters.items()
        ]
        device = default_device()
        compute = choose_compute(settings.cpu_compute, device)
        model, tokenizer = load_quantised(
            base, compute_dtype=loading_dtype(compute, device), trainable=False, device=device
        )
        max_context = longest_context(config, settings.max_context)
        codec = TokenizerCodec(tokenizer, today)
        weights, ends = take_weights(model, compute, max_context), end_ids(model, tokenizer)
        del model
        engine = build_engine(settings, config, weights, loaded, ends | codec.ends, max_context)
        hashes = {adapter.name: adapter.hash for adapter in loaded}
        return cls(engine, codec, hashes, f"{compute} on {device.type}")

    @property
    def variants(self) -> tuple[str, ...]:
        """The names that a request may ask for, "base" first."""
        return self._engine.variants

    def generate(
        self, requests: Sequence[OfflineRequest], on_answer: Callable[[], None] = lambda: None
    ) -> list[OfflineAnswer]:
        """Answer all, in their order; `on_answer` is called after each that is done.

        The same requests in the same order get the same answers: every row has its own seed. All
        wait in the engine's queue, and rows join as others end. Raises BadParameter, UnknownModel
        or ContextLengthExceeded before anything is generated.
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
        """The rows in the engine; it is empty again afterwards, however this ends."""
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
        """Step until nothing is left, and tell which rows end."""
        while self._engine.has_work():
            for output in self._engine.step():
                row = rows[int(output.id)]
                if output.token_id is not None:
                    row.take(output.token_id)
                if output.finish_reason is not None:
                    row.reason = output.finish_reason
                    yield int(output.id)


class _Row:
    """One answer while it is made."""

    def __init__(self, request: TokenRequest, detokenizer: Detokenizer) -> None:
        self.request = request
        self.reason = FinishReason.ERROR  # until the engine says otherwise
        self._detokenizer = detokenizer
        self._text: list[str] = []
        self._tokens = 0

    def take(self, token_id: int) -> None:
        """One more token."""
        self._tokens += 1
        self._text.append(self._detokenizer.add(token_id))

    def finish(self) -> None:
        """No more come: what was held back is text too."""
        self._text.append(self._detokenizer.flush())

    def answer(self) -> OfflineAnswer:
        """All of it."""
        prompt = len(self.request.input_ids)
        return OfflineAnswer("".join(self._text), prompt, self._tokens, self.reason)


def _settings(max_running: int) -> WorkerSettings:
    """The worker's defaults, but nothing from the environment: a report must not depend on it."""
    return WorkerSettings.model_construct(
        base_model=BASE_VARIANT,
        adapters={},
        max_context=_MAX_CONTEXT,
        max_running=max_running,
        max_waiting=10**9,  # all prompts wait here, where no one is kept from asking
        prefill_chunk=256,
        cpu_compute="auto",
        kv_cache_mb=None,
    )
