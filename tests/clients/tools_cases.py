"""Calls of tools, by each client's own way to offer them."""

import json
from typing import Any

import litellm
import pytest

from tests.clients.answers import LIMIT_S, Place, Turns
from tests.clients.by_langchain import LangChainClient
from tests.clients.by_openai import OpenAIClient

pytestmark = pytest.mark.offers("tools")
ASK: Turns = [{"role": "user", "content": "What is the weather in Paris?"}]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"enum": ["Paris", "Rome"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
CALL = {"tools": [TOOL], "tool_choice": "required", "max_tokens": 64}


def check(call: Any) -> None:
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments)["city"] in {"Paris", "Rome"}


def test_openai_calls_and_is_answered(demo: Place):
    with OpenAIClient.connect(demo) as client:
        ask = client.chat.completions.create
        first = ask(model="base", messages=ASK, **CALL).choices[0]
        assert first.finish_reason == "tool_calls"
        [call] = first.message.tool_calls
        check(call)
        result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
        turns = [*ASK, first.message.model_dump(exclude_none=True), result]
        last = ask(model="base", messages=turns, tools=[TOOL], tool_choice="none", max_tokens=16)
    assert last.choices[0].message.content


def test_openai_streamed(demo: Place):
    with OpenAIClient.connect(demo) as client:
        chunks = client.chat.completions.create(model="base", messages=ASK, stream=True, **CALL)
        parts = [
            call
            for chunk in chunks
            if chunk.choices
            for call in chunk.choices[0].delta.tool_calls or ()
        ]
    assert "".join(part.function.name or "" for part in parts) == "get_weather"
    written = "".join(part.function.arguments or "" for part in parts)
    assert json.loads(written)["city"] in {"Paris", "Rome"}


def test_litellm(demo: Place):
    answer = litellm.completion(
        model="openai/base", api_base=demo.base, api_key=demo.key, messages=ASK, timeout=LIMIT_S,
        **CALL,
    )  # fmt: skip
    check(answer.choices[0].message.tool_calls[0])


def test_langchain(demo: Place):
    model = LangChainClient.connect(demo, "base", max_tokens=64)
    answer = model.bind_tools([TOOL], tool_choice="required").invoke("Weather in Paris?")
    assert answer.tool_calls[0]["name"] == "get_weather"
