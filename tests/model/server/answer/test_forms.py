"""Answers in a form, asked for with the official client, of a model that knows nothing of it."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import openai
import pytest
from aiohttp import web
from pydantic import BaseModel

from model.assembly import load
from model.loading.registry import Registry
from model.server.adapter_desk import AdapterDesk
from model.server.app import create_app, create_runner
from model.server.metrics import WorkerMetrics
from model.server.service import EngineService
from model.settings import WorkerSettings
from tests.fakes.settings import worker_settings
from tests.fakes.tiny_model import make_tiny

LIMIT_S = 30.0
Until = Callable[[Callable[[], bool]], Awaitable[None]]
HI = [{"role": "user", "content": "What is the weather in Paris?"}]
MOOD = {
    "type": "object",
    "properties": {
        "mood": {"enum": ["good", "bad"]},
        "marks": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 9}},
    },
    "required": ["mood", "marks"],
    "additionalProperties": False,
}
MOOD["properties"]["marks"]["maxItems"] = 3
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a place",
        "parameters": {
            "type": "object",
            "properties": {"place": {"$ref": "#/$defs/place"}, "days": {"enum": [1, 3, 7]}},
            "required": ["place", "days"],
            "$defs": {"place": {"enum": ["Paris", "Rome"]}},
        },
    },
}
TIME = {"type": "function", "function": {"name": "get_time"}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("forms") / "tiny", max_position_embeddings=2048)


@pytest.fixture
async def client(folder, until) -> AsyncIterator[openai.AsyncOpenAI]:
    """The official client of a worker with a tiny random model."""
    settings = worker_settings(base_model=str(folder), kv_cache_mb=8)
    async with serving(settings, until) as made:
        yield made


@asynccontextmanager
async def serving(settings: WorkerSettings, until: Until) -> AsyncGenerator[openai.AsyncOpenAI]:
    async with AsyncExitStack() as stack:
        service = EngineService(partial(load, settings), WorkerMetrics())
        service.start()
        stack.push_async_callback(service.close)
        desk = AdapterDesk(service, Registry(settings.fungpt_home), settings.adapters)
        runner = create_runner(create_app(service, desk, settings))
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await until(lambda: service.health().status != "loading")
        made = openai.AsyncOpenAI(
            base_url=f"http://127.0.0.1:{runner.addresses[0][1]}/v1", api_key="any", max_retries=0
        )
        stack.push_async_callback(made.close)
        yield made


@pytest.mark.demo
async def test_the_demo_model_makes_a_call(demo_home):
    async def patient(condition: Callable[[], bool]) -> None:
        while not condition():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.05)

    settings = worker_settings(base_model="demo", fungpt_home=demo_home, kv_cache_mb=64)
    question = [{"role": "user", "content": "What is the weather in Rome for 3 days?"}]
    async with serving(settings, patient) as client:
        fields: dict[str, Any] = {"tools": [TIME, WEATHER], "tool_choice": "required"}
        fields |= {"messages": question, "temperature": 0, "max_tokens": 60}
        answer: Any = await client.chat.completions.create(model="base", **fields)
    said = answer.choices[0]
    assert said.finish_reason == "tool_calls"
    (call,) = said.message.tool_calls
    check_call(call.function.name, call.function.arguments)
    assert call.function.name in ("get_time", "get_weather")  # which one is a matter of its size


async def ask(client: openai.AsyncOpenAI, **fields: Any):
    given = {"model": "base", "messages": HI, "max_tokens": 150, "seed": 1} | fields
    async with asyncio.timeout(LIMIT_S):
        return await client.chat.completions.create(**given)


def schema_format(schema: object) -> dict[str, object]:
    return {"type": "json_schema", "json_schema": {"name": "a", "schema": schema, "strict": True}}


@pytest.mark.parametrize("temperature", [0, 1, 2])
async def test_an_answer_keeps_its_schema(client, temperature):
    answer = await ask(
        client, response_format=schema_format(MOOD), temperature=temperature, n=4, max_tokens=300
    )
    assert len({choice.message.content for choice in answer.choices}) > (temperature > 0)
    for choice in answer.choices:
        assert choice.finish_reason == "stop"
        jsonschema.validate(json.loads(choice.message.content), MOOD)


async def test_json_object_is_an_object_or_cut(client):
    answer = await ask(client, response_format={"type": "json_object"}, n=8, max_tokens=60)
    for choice in answer.choices:
        assert choice.message.content.startswith("{")
        if choice.finish_reason == "stop":
            assert isinstance(json.loads(choice.message.content), dict)
        else:
            assert choice.finish_reason == "length"
    assert any(choice.finish_reason == "length" for choice in answer.choices)


async def test_a_row_with_a_form_leaves_its_neighbours_as_they_are(client):
    alone = await ask(client, max_tokens=40)
    formed, beside = await asyncio.gather(
        ask(client, response_format=schema_format(MOOD), max_tokens=60), ask(client, max_tokens=40)
    )
    assert beside.choices[0].message.content == alone.choices[0].message.content
    assert formed.choices[0].message.content.startswith("{")


class Step(BaseModel):
    explanation: str
    done: bool


class Plan(BaseModel):
    step: Step | None
    size: int


async def test_the_clients_own_parsing_gets_its_model(client):
    async with asyncio.timeout(LIMIT_S):
        made = await client.chat.completions.parse(
            model="base", messages=HI, response_format=Plan, max_tokens=400, seed=3, temperature=0.3
        )
    assert made.choices[0].finish_reason == "stop"
    assert isinstance(made.choices[0].message.parsed, Plan)


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("required", {"get_weather", "get_time"}),
        ({"type": "function", "function": {"name": "get_weather"}}, {"get_weather"}),
        ({"type": "function", "function": {"name": "get_time"}}, {"get_time"}),
    ],
)
async def test_a_call_that_is_insisted_on(client, choice, names):
    answer = await ask(client, tools=[WEATHER, TIME], tool_choice=choice)
    said = answer.choices[0]
    assert (said.finish_reason, said.message.content) == ("tool_calls", None)
    (call,) = said.message.tool_calls
    assert call.type == "function"
    assert call.id.startswith("call_")
    assert call.function.name in names
    check_call(call.function.name, call.function.arguments)


def check_call(name: str, arguments: str) -> None:
    schema = WEATHER["function"]["parameters"] if name == "get_weather" else {"maxProperties": 0}
    jsonschema.validate(json.loads(arguments), schema)


@pytest.mark.parametrize("parallel", [False, True])
async def test_streamed_calls_add_up(client, parallel):
    stream = await ask(
        client,
        tools=[WEATHER, TIME],
        tool_choice="required",
        parallel_tool_calls=parallel,
        stream=True,
        n=2,
        max_tokens=400,
    )
    calls: dict[tuple[int, int], list[str]] = {}
    ends: dict[int, str] = {}
    async for chunk in stream:
        for choice in chunk.choices:
            assert not choice.delta.content
            if choice.finish_reason:
                ends[choice.index] = choice.finish_reason
            for call in choice.delta.tool_calls or ():
                at = (choice.index, call.index)
                if at not in calls:
                    assert call.id is not None
                    calls[at] = [call.function.name, ""]
                calls[at][1] += call.function.arguments
    assert ends == {0: "tool_calls", 1: "tool_calls"}
    for name, arguments in calls.values():
        check_call(name, arguments)
    assert len(calls) == 2 or parallel


async def test_a_cut_call_says_so(client):
    answer = await ask(client, tools=[WEATHER], tool_choice="required", max_tokens=40)
    said = answer.choices[0]
    assert said.finish_reason == "length"
    assert said.message.content is None
    for call in said.message.tool_calls or ():
        assert call.function.name == "get_weather"


@pytest.mark.parametrize("choice", [None, "auto", "none"])
async def test_tools_that_nobody_insists_on_are_read_past(client, choice):
    more = {} if choice is None else {"tool_choice": choice}
    plain = await ask(client, max_tokens=20)
    answer = await ask(client, tools=[WEATHER, {"type": "odd"}], max_tokens=20, **more)
    assert answer.choices[0].message.content == plain.choices[0].message.content
    assert answer.choices[0].message.tool_calls is None


async def test_a_call_and_its_result_are_sent_back(client):
    answer = await ask(client, tools=[WEATHER], tool_choice="required")
    said = answer.choices[0].message
    result = {"role": "tool", "tool_call_id": said.tool_calls[0].id, "content": "rain"}
    turns = [*HI, said.model_dump(), result]
    after = await ask(client, messages=turns, tools=[WEATHER], max_tokens=5)
    assert after.choices[0].finish_reason in ("stop", "length")
    twice = [*HI, said, result, {**result, "content": [{"type": "text", "text": "sun"}]}, *HI]
    assert (await ask(client, messages=twice, max_tokens=5)).usage.prompt_tokens > (
        after.usage.prompt_tokens
    )


REFUSED = [
    ({"response_format": schema_format({"not": {}})}, "json_schema.schema.not"),
    ({"response_format": schema_format({"type": "strng"})}, "json_schema.schema"),
    ({"response_format": schema_format({"$ref": "#"})}, "nothing satisfies"),
    ({"response_format": schema_format(3)}, "a JSON schema"),
    (
        {"response_format": {"type": "json_object", "grammar": "x"}},
        "response_format.grammar is not supported; supported are: type, json_schema",
    ),
    ({"response_format": {"type": "json_schema"}}, "json_schema stands beside"),
    ({"response_format": {"type": "xml"}}, "'json_object' or 'json_schema'"),
    ({"tool_choice": "required"}, "there are no tools"),
    ({"tool_choice": "required", "tools": [TIME, TIME]}, "two functions of the name"),
    ({"tool_choice": "sometimes", "tools": [TIME]}, "'none', 'auto', 'required'"),
    ({"tool_choice": "required", "tools": [{"type": "odd"}]}, "must be 'function'"),
    ({"tool_choice": "required", "tools": [{"type": "function", "function": {}}]}, "name"),
    (
        {"tool_choice": {"type": "function", "function": {"name": "other"}}, "tools": [TIME]},
        "other",
    ),
    (
        {
            "tool_choice": "required",
            "tools": [
                TIME,
                {"type": "function", "function": {"name": "f", "parameters": {"if": {}}}},
            ],
        },
        "tools[1].function.parameters.if is not supported",
    ),
    (
        {
            "response_format": schema_format(MOOD),
            "messages": [*HI, {"role": "assistant", "content": "a"}],
            "extra_body": {"continue_final_message": True, "add_generation_prompt": False},
        },
        "cannot go on",
    ),
    ({"messages": [*HI, {"role": "user", "content": "", "tool_call_id": "a"}]}, "role 'tool'"),
]


@pytest.mark.parametrize(("fields", "words"), REFUSED)
async def test_what_cannot_be_done_is_refused_in_a_line(client, fields, words):
    with pytest.raises(openai.BadRequestError) as error:
        await ask(client, **fields)
    assert words in error.value.message
    assert "\n" not in error.value.message


async def test_a_model_whose_tokens_are_not_known_refuses_forms(start_worker):
    worker = await start_worker()
    answer = await worker.chat(response_format={"type": "json_object"})
    told = (await answer.json())["error"]
    assert (answer.status, told["param"]) == (400, "response_format")
    assert "not supported with this model" in told["message"]
