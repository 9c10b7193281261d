import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.errors import BadParameter
from model.protocol.chat_request import ChatRequest
from model.server.entry.requests import MAX_DEPTH, parse_chat
from model.text.codec import ChatTurn

HI = [{"role": "user", "content": "hi"}]


def body(**fields: object) -> bytes:
    return json.dumps({"model": "base", "messages": HI} | fields).encode()


def refused(raw: bytes) -> BadParameter:
    with pytest.raises(BadParameter) as error:
        parse_chat(raw)
    assert "\n" not in str(error.value)
    return error.value


def test_defaults_are_openai_s():
    request = parse_chat(body())
    assert (request.temperature, request.top_p, request.stops, request.limit) == (
        1.0,
        1.0,
        (),
        None,
    )
    assert request.turns == (ChatTurn("user", "hi"),)


def test_every_parameter_is_taken():
    everything = {
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 5,
        "max_completion_tokens": 5,
        "temperature": 0,
        "top_p": 0.5,
        "top_k": 3,
        "min_p": 0.1,
        "repetition_penalty": 1.2,
        "frequency_penalty": -1,
        "presence_penalty": 2,
        "seed": 2**63 - 1,
        "stop": ["a", "b", "c", "d"],
        "n": 1,
        "logit_bias": {"5": -100},
        "logprobs": True,
        "top_logprobs": 20,
        "response_format": {"type": "json_object"},
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "tool_choice": "required",
        "parallel_tool_calls": True,
        "user": "u1",
        "continue_final_message": False,
        "add_generation_prompt": True,
    }
    request = parse_chat(body(**everything))
    assert set(everything) | {"model", "messages"} == set(ChatRequest.model_fields)
    assert request.stops == ("a", "b", "c", "d")
    assert request.limit == 5


def test_null_means_not_given():
    request = parse_chat(body(temperature=None, stop=None, seed=None, stream=None))
    assert (request.temperature, request.stream) == (1.0, False)


def test_text_parts_are_joined():
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    request = parse_chat(body(messages=[{"role": "user", "content": parts}]))
    assert request.turns == (ChatTurn("user", "one\ntwo"),)


CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": "\u00e9"}'}}
WRITTEN = '{"name": "f", "arguments": {"a": "\u00e9"}}'
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "7"}


@pytest.mark.parametrize(
    ("turns", "texts"),
    [
        (
            [{"role": "assistant", "content": None, "tool_calls": [CALL]}, RESULT],
            [WRITTEN, "Result of f: 7"],
        ),
        (
            [
                {"role": "assistant", "content": "Let me see.", "tool_calls": [CALL, CALL]},
                RESULT,
                {**RESULT, "tool_call_id": "c9"},
                {"role": "user", "content": "so?"},
                {"role": "user", "content": "well?"},
            ],
            [
                f"Let me see.\n\n[{WRITTEN}, {WRITTEN}]",
                "Result of f: 7\n\nResult: 7\n\nso?",
                "well?",
            ],
        ),
        (
            [{"role": "assistant", "tool_calls": [
                {"id": "c", "function": {"name": "f", "arguments": "{broken"}, "index": 0}
            ]}],
            ['{"name": "f", "arguments": "{broken"}'],
        ),
    ],
)  # fmt: skip
def test_calls_and_results_are_text(turns, texts):
    request = parse_chat(body(messages=[*HI, *turns]))
    assert [turn.content for turn in request.turns[1:]] == texts
    assert {turn.role for turn in request.turns} <= {"user", "assistant"}


@pytest.mark.parametrize(
    ("fields", "param", "allowed"),
    [
        ({"temperature": 2.1}, "temperature", "0 to 2"),
        ({"temperature": "hot"}, "temperature", "0 to 2"),
        ({"temperature": True}, "temperature", "0 to 2"),
        ({"top_p": 0}, "top_p", "above 0"),
        ({"top_k": -2}, "top_k", "0 (off)"),
        ({"min_p": 1.5}, "min_p", "0 to 1"),
        ({"repetition_penalty": 0}, "repetition_penalty", "above 0"),
        ({"frequency_penalty": 3}, "frequency_penalty", "-2 to 2"),
        ({"presence_penalty": -3}, "presence_penalty", "-2 to 2"),
        ({"max_tokens": 0}, "max_tokens", "from 1"),
        ({"max_completion_tokens": 1.5}, "max_completion_tokens", "from 1"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "max_completion_tokens", "give one"),
        ({"seed": -2}, "seed", "0 to 2**63 - 1"),
        ({"stop": ["a"] * 17}, "stop", "up to 16"),
        ({"stop": ["a", 5]}, "stop[1]", "up to 16"),
        ({"n": 9}, "n", "from 1 to 8"),
        ({"logit_bias": {"5": 101}}, "logit_bias", "from -100 to 100"),
        ({"logit_bias": {"five": 1}}, "logit_bias.five", "token ids"),
        ({"logit_bias": {str(n): 1 for n in range(1025)}}, "logit_bias", "1024"),
        ({"stream": 1}, "stream", "true or false"),
        ({"stream_options": {}}, "stream_options", "stream: true"),
        ({"stream": True, "stream_options": {"x": 1}}, "stream_options.x", "not supported"),
        ({"user": "u" * 513}, "user", "512"),
        ({"model": None}, "model", "missing"),
        ({"messages": []}, "messages", "one turn or more"),
        ({"messages": "hi"}, "messages", "one turn or more"),
        ({"messages": [{"role": "sage", "content": "x"}]}, "messages[0].role", "'assistant'"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "list of"),
        ({"messages": [*HI, {**HI[0], "names": "x"}]}, "messages[1].names", "not supported"),
        ({"logit": {}}, "logit", "supported are: model, messages, stream"),
        ({"tool": []}, "tool", "temperature, top_p"),
        ({"tool_choice": "any"}, "tool_choice", "'none', 'auto', 'required'"),
        ({"str": 1}, "str", "not supported"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(fields, param, allowed):
    error = refused(body(**fields))
    assert error.param is not None
    assert param.startswith(error.param)
    assert error.param.split("[")[0] in str(error)
    assert allowed in str(error)


def test_other_parts_are_refused_by_name():
    image = {"type": "image_url", "image_url": {"url": "data:"}}
    error = refused(body(messages=[{"role": "user", "content": [image]}]))
    assert error.param == "messages[0].content"
    assert "'image_url'" in str(error)
    refused(body(messages=[{"role": "user", "content": ["hi"]}]))
    refused(body(messages=[{"role": "user", "content": [{"type": "text", "text": 1}]}]))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[1]",
        b'"text"',
        b"null",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"seed": ' + b"9" * 10_000 + b"}",
        body(temperature=float("nan")),
        body(temperature=float("inf")),
        b'{"model": "base", "messages": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
    ],
)
def test_what_is_no_such_json_is_refused(raw):
    refused(raw)


def test_a_number_beyond_all_floats_is_refused():
    raw = b'{"model": "base", "messages": [{"role": "user", "content": "x"}], "temperature": 1e999}'
    assert refused(raw).param == "temperature"


def test_a_lone_surrogate_becomes_the_replacement_character():
    raw = (
        rb'{"model": "\udcff", "messages": [{"role": "user", "content": "a\ud800b \ud83d\ude00"}]}'
    )
    request = parse_chat(raw)
    assert request.turns[0].content == "a\ufffdb 😀"
    assert request.model == "\ufffd"
    assert refused(body(**{"\ud800": 1})).param == "\ufffd"


def test_nul_and_control_characters_are_text():
    assert parse_chat(body(messages=[{"role": "user", "content": "\0\x1b"}])).turns[0].content == (
        "\0\x1b"
    )


def test_a_byte_order_mark_is_no_reason_to_fail():
    assert parse_chat(b"\xef\xbb\xbf" + body()).model == "base"


def test_long_values_are_shown_short():
    assert len(str(refused(body(temperature="x" * 100_000)))) < 200
    assert len(str(refused(body(**{"x" * 100_000: 1})))) < 500


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
FIELDS = st.dictionaries(st.sampled_from(list(ChatRequest.model_fields)), JSON)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # other programs run, too
@given(FIELDS)
def test_any_json_is_taken_or_refused_in_one_way(fields):
    try:
        parse_chat(body(**fields))
    except BadParameter as error:
        str(error).encode()


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_one_way(raw):
    refused(raw)
