import re
from pathlib import Path
from typing import Any

import pytest

from model.server.entry import neutral
from model.server.entry.neutral import MAX_TURNS, Neutral

HI = {"role": "user", "content": "hi"}
SAMPLES: dict[type, tuple[object, ...]] = {
    bool: (True, False),
    str: ("some text",),
    float: (0.1, 5, 0),
    list: ([{"type": "function"}],),
    dict: ({},),
}
DOCUMENT = Path(__file__).parents[4] / "docs/worker.md"


def values(one: Neutral) -> list[object]:
    return [*one.values, *(value for kind in one.kinds for value in SAMPLES[kind])]


def cases() -> list[dict[str, Any]]:
    off = [{name: value} for name, all_ in neutral.SWITCHED_OFF.items() for value in all_]
    fields = [{n: v} for n, one in neutral.REQUEST_FIELDS.items() for v in values(one)]
    fields += [{name: None} for name in neutral.REQUEST_FIELDS]
    turns = [
        {"messages": [HI, {"role": "assistant", "content": "yes", n: v}, HI]}
        for n, one in neutral.TURN_FIELDS.items()
        for v in [*values(one), None]
    ]
    parts = [
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi", n: v}]}]}
        for n, one in neutral.PART_FIELDS.items()
        for v in [*values(one), None]
    ]
    streams = [
        {"stream": True, "stream_options": {n: v}}
        for n, one in neutral.STREAM_FIELDS.items()
        for v in [*values(one), None]
    ]
    return [*off, *fields, *turns, *parts, *streams, {"n": 1}, {"stop": ["", ""]}]


async def test_what_asks_for_nothing_is_answered(start_worker):
    worker = await start_worker(reply="yes")
    for fields in cases():
        async with await worker.chat(**fields) as response:
            assert response.status == 200, (fields, await response.text())


async def test_open_web_ui_s_tools_are_read_past(start_worker):
    worker = await start_worker()
    tool = {"type": "function", "function": {"name": "get_time", "parameters": {}}}
    for choice in ({}, {"tool_choice": "auto"}, {"tool_choice": "none"}):
        async with await worker.chat(tools=[tool], **choice) as response:
            assert (await response.json())["choices"][0]["message"]["content"] == "base: hi"
    for choice in ({"tool_choice": "none"}, {}):  # what nobody insists on is not looked at
        async with await worker.chat(tools=[{"type": "odd"}, 5], **choice) as response:
            assert response.status == 200


async def test_a_developer_is_the_system_and_an_empty_turn_is_empty(start_worker):
    worker = await start_worker(reply="{turns}")
    turns = [
        {"role": "developer", "content": "be brief"},
        HI,
        {"role": "assistant", "content": None, "refusal": None, "tool_calls": []},
        {"role": "assistant"},
        HI | {"name": "ann"},
    ]
    async with await worker.chat(messages=turns) as response:
        assert (await response.json())["choices"][0]["message"]["content"] == "5"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"skip_special_tokens": False}, "skip_special_tokens"),
        ({"best_of": True}, "best_of"),
        ({"mirostat_tau": True}, "mirostat_tau"),
        ({"xtc_probability": 0.5}, "xtc_probability"),
        ({"chat_template_kwargs": {"enable_thinking": True}}, "chat_template_kwargs"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"metadata": "x"}, "metadata"),
        ({"messages": [HI | {"tool_calls": [{"id": "1"}]}]}, "messages[0].tool_calls[0].function"),
        ({"tools": "all"}, "tools"),
        ({"messages": [HI | {"refusal": "no"}]}, "messages[0].refusal"),
        ({"messages": [HI, 5]}, "messages[1]"),
        ({"seed": -2}, "seed"),
        ({"top_k": -2}, "top_k"),
        ({"stream": True, "stream_options": {"x": 1}}, "stream_options.x"),
        ({"messages": [HI] * (MAX_TURNS + 1)}, "messages"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}] * MAX_TURNS}]},
            "messages",
        ),
    ],
)
async def test_what_asks_for_something_else_is_refused_by_name(start_worker, fields, param):
    worker = await start_worker()
    async with await worker.chat(**fields) as response:
        error = (await response.json())["error"]
    assert (response.status, error["param"]) == (400, param)
    assert len(error["message"]) < 1000


def test_the_document_names_every_field_and_value():
    document = DOCUMENT.read_text()
    lines = set(document.splitlines())
    tables = (neutral.REQUEST_FIELDS, neutral.OF_COMPLETIONS, neutral.TURN_FIELDS)
    rows = {f"| `{name}` | {one.words} |" for table in tables for name, one in table.items()}
    assert rows <= lines
    _, said = document.split("A completion request has those of the table but ")
    left_out = said.partition(", and")[0]
    assert set(re.findall("`(.+?)`", left_out)) == neutral.ONLY_OF_CHATS
