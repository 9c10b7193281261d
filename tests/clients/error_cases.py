"""Every refusal reaches people as their client's own error for it."""

import gc
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.clients.answers import Client, Place, Turns
from tests.clients.workers import look, until

HI: Turns = [{"role": "user", "content": "hi"}]
LONG: Turns = [{"role": "user", "content": "word " * 6000}]
# The class of each client; llm's library raises the official client's.
CLASSES = {
    "key": dict.fromkeys(("openai", "litellm", "llm", "javascript"), "AuthenticationError")
    | {"langchain": "OpenAIAuthenticationError"},
    "model": dict.fromkeys(("openai", "litellm", "llm", "javascript"), "NotFoundError")
    | {"langchain": "OpenAIModelNotFoundError"},
    "context": {
        "openai": "BadRequestError",
        "litellm": "ContextWindowExceededError",
        "langchain": "OpenAIContextOverflowError",
        "llm": "BadRequestError",
        "javascript": "BadRequestError",
    },
    "field": dict.fromkeys(("openai", "litellm", "javascript"), "BadRequestError")
    | {"langchain": "OpenAIInvalidRequestError", "llm": "ValidationError"},
    "full": dict.fromkeys(("openai", "litellm", "llm", "javascript"), "RateLimitError")
    | {"langchain": "OpenAIRateLimitError"},
    "loading": {
        "openai": "InternalServerError",
        "litellm": "ServiceUnavailableError",
        "langchain": "OpenAIAPIError",
        "llm": "InternalServerError",
        "javascript": "InternalServerError",
    },
    "timeout": {
        "openai": "APITimeoutError",
        "litellm": "Timeout",
        "langchain": "OpenAITimeoutError",
        "javascript": "APIConnectionTimeoutError",
    },
}


def raised(call: Callable[[], object]) -> tuple[str, str]:
    """The class's name of what a call raises, and its text."""
    with pytest.raises(Exception) as error:
        call()
    return getattr(error.value, "kind", type(error.value).__name__), str(error.value)


def test_a_wrong_key(client: Client, demo: Place):
    kind, text = raised(lambda: client.ask(Place(demo.url, "wrong"), HI))
    assert kind == CLASSES["key"][client.name]
    assert "WORKER_API_KEY" in text


def test_an_unknown_model(client: Client, demo: Place):
    kind, text = raised(lambda: client.ask(demo, HI, "nobody"))
    assert kind == CLASSES["model"][client.name]
    assert "base, tuned" in text


@pytest.mark.parametrize("stream", [False, True])
def test_too_long_a_prompt(client: Client, demo: Place, stream: bool):
    kind, text = raised(
        lambda: list(client.stream(demo, LONG)) if stream else client.ask(demo, LONG)
    )
    assert kind == CLASSES["context"][client.name]
    assert "maximum context length is 4096 tokens" in text


def test_a_field_out_of_range(client: Client, demo: Place):
    kind, text = raised(lambda: client.ask(demo, HI, temperature=9.0))
    assert kind == CLASSES["field"][client.name]
    assert "temperature" in text


def test_a_worker_that_loads(client: Client, loading: Place):
    kind, text = raised(lambda: client.ask(loading, HI))
    assert kind == CLASSES["loading"][client.name]
    assert "not ready" in text


def test_a_full_worker_and_an_aborted_stream(client: Client, full: Place):
    """While one row is taken others are told to come back; who leaves in the middle frees it."""
    freed(full)
    stream = client.stream(full, HI)
    with closing(stream):
        assert any("".join(piece.texts) for piece in stream)
        assert look(full.url)["running"] == 1
        kind, text = raised(lambda: client.ask(full, HI))
        assert kind == CLASSES["full"][client.name]
        assert "try again in" in text
        assert look(full.url)["running"] == 1
    del stream
    freed(full)


@pytest.mark.able("timeout")
def test_a_time_limit_of_the_client_frees_the_row(client: Client, full: Place):
    freed(full)
    kind, _ = raised(lambda: client.ask(full, HI, timeout=0.5))
    assert kind == CLASSES["timeout"][client.name]
    freed(full)


def freed(where: Place) -> None:
    """Wait until no row runs."""
    gc.collect()  # a stream that is not held any more is closed
    until(lambda: look(where.url)["running"] == 0)
