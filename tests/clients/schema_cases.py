"""Answers by a schema, by each client's own way to ask for them."""

import json
from typing import Literal

import litellm
import pytest
from pydantic import BaseModel

from tests.clients.answers import LIMIT_S, Place, Turns
from tests.clients.by_langchain import LangChainClient
from tests.clients.by_llm import respond
from tests.clients.by_openai import OpenAIClient

pytestmark = pytest.mark.offers("response_format")
ASK: Turns = [{"role": "user", "content": "Is it sunny? Answer in JSON."}]


class Weather(BaseModel):
    """What the model has to fill in: closed values, so that it ends soon."""

    sky: Literal["sunny", "cloudy"]
    warm: bool


def test_openai(demo: Place):
    with OpenAIClient.connect(demo) as client:
        answer = client.chat.completions.parse(
            model="base", messages=ASK, response_format=Weather, max_tokens=64
        )
    assert isinstance(answer.choices[0].message.parsed, Weather)


def test_openai_any_object(demo: Place):
    with OpenAIClient.connect(demo) as client:
        answer = client.chat.completions.create(
            model="base", messages=ASK, response_format={"type": "json_object"}, max_tokens=64
        )
    if answer.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(answer.choices[0].message.content), dict)


def test_litellm(demo: Place):
    answer = litellm.completion(
        model="openai/base", api_base=demo.base, api_key=demo.key, messages=ASK, max_tokens=64,
        response_format=Weather, timeout=LIMIT_S,
    )  # fmt: skip
    Weather.model_validate_json(answer.choices[0].message.content)


def test_langchain(demo: Place):
    model = LangChainClient.connect(demo, "base", max_tokens=64)
    assert isinstance(model.with_structured_output(Weather).invoke("Is it sunny?"), Weather)


def test_llm(demo: Place):
    for stream in (False, True):
        response = respond(demo, ASK, "base", stream=stream, schema=Weather, max_tokens=64)
        Weather.model_validate_json(response.text())
