"""POST /v1/completions: prompts of every form, limits, shapes, and what is refused by name."""

import json
import time
from typing import Any

import pytest

from model.errors import BadParameter
from model.scripted.codec import ROLE_IDS
from model.server.app import MAX_BODY_BYTES
from model.server.entry import neutral
from model.server.entry.requests import parse_chat, parse_completion
from tests.model.server.entry.test_neutral import SAMPLES, values
from tests.model.server.test_sse import events_of

ADDRESS = "/v1/completions"
JSON = {"Content-Type": "application/json"}


async def complete(worker, **fields: object):
    return await worker.session.post(ADDRESS, json={"model": "base", "prompt": "hi"} | fields)


async def answer_of(worker, **fields: object) -> dict[str, Any]:
    async with await complete(worker, **fields) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def error_of(worker, **fields: object) -> dict[str, Any]:
    async with await complete(worker, **fields) as response:
        assert response.status == 400, (fields, response.status)
        return (await response.json())["error"]


def texts(answer: dict[str, Any]) -> list[str]:
    return [choice["text"] for choice in answer["choices"]]


async def test_the_shape_is_openai_s(start_worker):
    worker = await start_worker()
    answer = await answer_of(worker, seed=5)
    wanted = {"index": 0, "text": "base: hi", "logprobs": None, "finish_reason": "stop"}
    assert answer["choices"] == [wanted]
    assert answer["id"].startswith("cmpl-")
    assert (answer["object"], answer["model"]) == ("text_completion", "base")
    assert answer["usage"] == {"prompt_tokens": 2, "completion_tokens": 8, "total_tokens": 10}
    assert answer["fungpt"]["seed"] == 5


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("hi", ["hi"]),
        (["hi"], ["hi"]),
        (["one", "two", "three"], ["one", "two", "three"]),
        ([104, 105], ["hi"]),
        ([[104, 105], [111]], ["hi", "o"]),
        (["x"] * 8, ["x"] * 8),
        ("<|user|>a", ["<|user|>a"]),
    ],
)
async def test_prompts_of_every_form(start_worker, prompt, wanted):
    worker = await start_worker(reply="{prompt}!")
    answer = await answer_of(worker, prompt=prompt)
    assert texts(answer) == [f"{one}!" for one in wanted]
    assert [choice["index"] for choice in answer["choices"]] == list(range(len(wanted)))
    assert answer["usage"]["prompt_tokens"] == sum(len(one.encode()) for one in wanted)


async def test_control_tokens_come_as_ids_only(start_worker):
    worker = await start_worker(reply="{turns}:{prompt}")
    control = [ROLE_IDS["user"], 104, ROLE_IDS["assistant"]]
    assert texts(await answer_of(worker, prompt=control)) == ["1:h"]
    typed = await answer_of(worker, prompt="<|user|>h<|assistant|>", max_tokens=99)
    assert texts(typed) == ["0:<|user|>h<|assistant|>"]


async def test_each_prompt_has_its_answers_in_turn_and_counts_once(start_worker):
    worker = await start_worker(reply="{prompt}{seed}")
    asked = {"prompt": ["a", "bc"], "n": 3, "seed": 7}
    answer = await answer_of(worker, **asked)
    wanted = ["a7", "a8", "a9", "bc7", "bc8", "bc9"]
    assert texts(answer) == wanted
    assert answer["usage"]["prompt_tokens"] == 3
    stream = {"stream": True, "stream_options": {"include_usage": True}}
    async with await complete(worker, **asked, **stream) as response:
        *chunks, usage, _ = await events_of(response)
    streamed = [""] * 6
    for chunk in chunks:
        for choice in chunk["choices"]:
            streamed[choice["index"]] += choice["text"]
    assert streamed == wanted
    assert usage["usage"] == answer["usage"]


async def test_the_usual_limit_is_openai_s(start_worker):
    worker = await start_worker(reply="x" * 50)
    answer = await answer_of(worker)
    assert texts(answer) == ["x" * 16]
    assert answer["choices"][0]["finish_reason"] == "length"
    assert texts(await answer_of(worker, max_tokens=40)) == ["x" * 40]


@pytest.mark.parametrize("prompt", ["dé", [100, 0xC3, 0xA9], ["dé"], "d\xe9<|user|>"])
async def test_echo_repeats_the_prompt(start_worker, prompt):
    worker = await start_worker(reply="yes")
    text = prompt if isinstance(prompt, str) else "dé"
    assert texts(await answer_of(worker, prompt=prompt, echo=True)) == [f"{text}yes"]
    async with await complete(worker, prompt=prompt, echo=True, stream=True) as response:
        *chunks, _ = await events_of(response)
    assert chunks[0]["choices"][0]["text"] == text
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == f"{text}yes"


async def test_a_stop_is_looked_for_in_the_answer_alone(start_worker):
    worker = await start_worker(reply="one END two")
    answer = await answer_of(worker, prompt="END", stop=" END", echo=True)
    assert texts(answer) == ["ENDone"]
    assert answer["choices"][0]["finish_reason"] == "stop"


async def test_the_chunks_have_openai_s_shape(start_worker):
    worker = await start_worker()
    async with await complete(worker, stream=True, model="tuned", seed=3) as response:
        *chunks, done = await events_of(response)
    assert done == "[DONE]"
    first, *deltas, last = chunks
    empty = {"index": 0, "text": "", "logprobs": None}
    assert first["choices"] == [empty | {"finish_reason": None}]
    assert last["choices"] == [empty | {"finish_reason": "stop"}]
    assert "".join(chunk["choices"][0]["text"] for chunk in deltas) == "tuned: hi"
    assert {chunk["object"] for chunk in chunks} == {"text_completion"}
    assert first["fungpt"] == last["fungpt"]
    assert not any("fungpt" in chunk or "usage" in chunk for chunk in deltas)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": []}, "prompt"),
        ({"prompt": [[]]}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": ["", "a"]}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": [True]}, "prompt"),
        ({"prompt": [-1]}, "prompt"),
        ({"prompt": [1.5]}, "prompt"),
        ({"prompt": ["a", 5]}, "prompt"),
        ({"prompt": [5, "a"]}, "prompt"),
        ({"prompt": [[5], "a"]}, "prompt"),
        ({"prompt": [[5], ["a"]]}, "prompt"),
        ({"prompt": [259]}, "prompt"),
        ({"prompt": [2**70]}, "prompt"),
        ({"prompt": ["a"] * 9}, "prompt"),
        ({"prompt": ["a"] * 3, "n": 3}, "prompt"),
        ({"n": 9}, "n"),
        ({"suffix": "end"}, "suffix"),
        ({"best_of": 2}, "best_of"),
        ({"logprobs": 6}, "logprobs"),
        ({"logprobs": True}, "logprobs"),
        ({"logprobs": 1, "echo": True}, "logprobs"),
        ({"echo": 1}, "echo"),
        ({"messages": []}, "messages"),
        ({"tools": []}, "tools"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"add_special_tokens": False}, "add_special_tokens"),
        ({"logit_bias": {"259": 1}}, "logit_bias"),
        ({"temperature": 9}, "temperature"),
    ],
)
async def test_what_is_not_done_is_refused_by_name(start_worker, fields, param):
    worker = await start_worker()
    error = await error_of(worker, **fields)
    assert error["param"] == param
    assert param in error["message"]
    assert len(error["message"]) < 1000


async def test_too_long_a_prompt_names_the_prompt(start_worker):
    worker = await start_worker(max_context=32)
    for prompt in ("x" * 40, [5] * 40, ["a", "x" * 40], "x" * 5000):
        error = await error_of(worker, prompt=prompt)
        assert (error["code"], error["param"]) == ("context_length_exceeded", "prompt")
        assert "maximum context length is 32 tokens" in error["message"]
        assert "length of the prompt" in error["message"]


def neutral_cases() -> list[dict[str, object]]:
    fields = [{n: v} for n, one in neutral.COMPLETION_FIELDS.items() for v in [*values(one), None]]
    off = [{name: value} for name, all_ in neutral.SWITCHED_OFF.items() for value in all_]
    return [*fields, *off, {"stream": True, "stream_options": {"include_obfuscation": True}}]


async def test_what_asks_for_nothing_is_answered(start_worker):
    worker = await start_worker(reply="yes")
    assert SAMPLES
    for fields in neutral_cases():
        async with await complete(worker, **fields) as response:
            assert response.status == 200, (fields, await response.text())


def filled(piece: bytes, head: bytes, tail: bytes) -> bytes:
    count = (MAX_BODY_BYTES - len(head) - len(tail)) // (len(piece) + 1)
    return head + b",".join([piece] * min(count, 99_990)) + tail


HEAD = b'{"model":"base","prompt":['


@pytest.mark.parametrize(
    "body",
    [
        filled(b'"a"', HEAD, b"]}"),
        filled(b'"a"', HEAD, b",1]}"),
        filled(b"1", HEAD, b',"a"]}'),
        filled(b"1", HEAD, b",-1]}"),
        filled(b"[" + b"1" * 90 + b"]", HEAD, b"]}"),
        filled(b"1", HEAD + b"[", b',"a"]]}'),
        filled(b"1", HEAD + b"[", b",1.5]]}"),
    ],
)
def test_a_long_list_of_mistakes_costs_no_more_than_its_first(body):
    began = time.process_time()
    with pytest.raises(BadParameter, match="prompt"):
        parse_completion(body)
    assert time.process_time() - began < 3


def test_a_long_list_of_ids_is_read():
    prompts = parse_completion(filled(b"7", HEAD, b"]}")).prompts
    assert prompts == ((7,) * 99_990,)


def test_a_chat_has_no_prompt_and_a_text_no_messages():
    with pytest.raises(BadParameter, match="prompt"):
        parse_chat(b'{"model":"base","messages":[{"role":"user","content":"a"}],"prompt":"a"}')
    with pytest.raises(BadParameter, match="messages"):
        parse_completion(json.dumps({"model": "base", "prompt": "a", "messages": []}).encode())


async def test_only_json_and_only_with_the_key(start_worker):
    worker = await start_worker(settings={"worker_api_key": "k"})
    async with await complete(worker) as response:
        assert response.status == 401
    headers = {"Authorization": "Bearer k", "Content-Type": "text/plain"}
    async with worker.session.post(ADDRESS, data=b"{}", headers=headers) as response:
        assert response.status == 415
