"""The worker's Prometheus metrics; their names begin with `fungpt_worker_`."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from model.engine.api import EngineLoad
from model.server.answer.generation import Generation

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FIRST_TOKEN_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_ANSWER_S = (0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class WorkerMetrics:
    """Counts what the worker did; the gauges show the engine after its last step."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._answers = Counter(
            "fungpt_worker_answers",
            "Accepted requests by variant and how they ended",
            ["variant", "outcome"],
            registry=registry,
        )
        self._refused = Counter(
            "fungpt_worker_refused", "Requests refused, by error code", ["code"], registry=registry
        )
        self._prompt_tokens = Counter(
            "fungpt_worker_prompt_tokens", "Prompt tokens of accepted requests", registry=registry
        )
        self._cached_tokens = Counter(
            "fungpt_worker_cached_prompt_tokens",
            "Those of the prompt tokens that were computed before, for another request",
            registry=registry,
        )
        self._completion_tokens = Counter(
            "fungpt_worker_completion_tokens", "Sampled tokens", registry=registry
        )
        self._first_token = Histogram(
            "fungpt_worker_first_token_seconds",
            "From handing a request to the engine to its first token",
            buckets=_FIRST_TOKEN_S,
            registry=registry,
        )
        self._duration = Histogram(
            "fungpt_worker_answer_seconds",
            "From handing a request to the engine to its end",
            buckets=_ANSWER_S,
            registry=registry,
        )
        self._running = Gauge("fungpt_worker_running", "Rows in the batch", registry=registry)
        self._waiting = Gauge("fungpt_worker_waiting", "Rows waiting", registry=registry)
        self._used = Gauge(
            "fungpt_worker_cache_blocks_used", "Cache blocks in use", registry=registry
        )
        self._total = Gauge("fungpt_worker_cache_blocks_total", "Cache blocks", registry=registry)
        self._busy = Gauge(
            "fungpt_worker_step_busy_seconds", "How long the current step runs", registry=registry
        )

    def refused(self, code: str) -> None:
        """Count a request that was answered with an error before it began."""
        self._refused.labels(code).inc()

    def ended(self, generation: Generation) -> None:
        """Count an accepted request that has ended, its tokens and its times."""
        self._answers.labels(generation.request.variant, generation.outcome).inc()
        self._prompt_tokens.inc(len(generation.request.input_ids))
        self._cached_tokens.inc(generation.cached_tokens)
        self._completion_tokens.inc(generation.completion_tokens)
        if generation.first_token_s is not None:
            self._first_token.observe(generation.first_token_s)
        if generation.duration_s is not None:
            self._duration.observe(generation.duration_s)

    def loaded(self, load: EngineLoad) -> None:
        """Show the engine's load after a step."""
        self._running.set(load.running)
        self._waiting.set(load.waiting)
        self._used.set(load.cache_used)
        self._total.set(load.cache_total)

    def render(self, busy_s: float) -> bytes:
        """All metrics in Prometheus' text format; `busy_s` is the age of the current step."""
        self._busy.set(busy_s)
        return generate_latest(self._registry)
