"""The clients by name, and the workers that they are tried against."""

import importlib
import json
import os
import urllib.request
from typing import Any

import pytest

from tests.clients.answers import LIMIT_S, Client, Place, place
from tests.clients.recordings import offers

_CLIENTS = {
    "openai": "by_openai.OpenAIClient",
    "litellm": "by_litellm.LiteLLMClient",
    "langchain": "by_langchain.LangChainClient",
    "llm": "by_llm.LLMClient",
    "javascript": "by_javascript.JavaScriptClient",
}


@pytest.fixture(params=list(_CLIENTS))
def client(request: pytest.FixtureRequest) -> Client:
    """Each client in turn, as far as it is here and can do what the test's mark `able` names."""
    if request.param == "javascript" and "CLIENTS_JS" not in os.environ:
        pytest.skip(os.environ["CLIENTS_NO_JS"])
    module, kind = _CLIENTS[request.param].split(".")
    made: Client = getattr(importlib.import_module(f"tests.clients.{module}"), kind)()
    for mark in request.node.iter_markers("able"):
        if not made.able.issuperset(mark.args):
            pytest.skip(f"{made.name} has no {', '.join(mark.args)}")
    return made


@pytest.fixture
def demo() -> Place:
    """The worker with the demo model."""
    return place("demo")


@pytest.fixture
def full() -> Place:
    """A scripted worker with one row, no queue and slow answers."""
    return place("full")


@pytest.fixture
def loading() -> Place:
    """A scripted worker that loads for ever."""
    return place("loading")


@pytest.fixture(autouse=True)
def offered(request: pytest.FixtureRequest) -> None:
    """Leaves out what the mark `offers` names, where /openapi.json does not offer it."""
    for mark in request.node.iter_markers("offers"):
        described = description(place("demo"))
        for what in mark.args:
            if not offers(described, what):
                pytest.skip(f"the worker does not offer {what}")


def description(where: Place) -> dict[str, Any]:
    """What a worker says of itself."""
    headers = {"Authorization": f"Bearer {where.key}"}
    asked = urllib.request.Request(f"{where.url}/openapi.json", headers=headers)
    with urllib.request.urlopen(asked, timeout=LIMIT_S) as answer:
        return json.load(answer)
