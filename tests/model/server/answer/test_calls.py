"""Calls read out of a text, whole and in any pieces."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.protocol.call_text import written_call
from model.protocol.chat_answer import ToolCall
from model.server.answer.calls import CallReader, whole_calls

ARGUMENTS = st.dictionaries(
    st.text(max_size=4), st.recursive(st.text('{}[]"\\, a', max_size=6), st.lists, max_leaves=4)
)
CALLS = st.lists(st.tuples(st.sampled_from(["f", "get_time", "a.b-c:d"]), ARGUMENTS), min_size=1)


def text_of(calls: list[tuple[str, object]], *, listed: bool) -> str:
    written = [written_call(name, json.dumps(given)) for name, given in calls]
    return f"[{', '.join(written)}]" if listed else written[0]


def read(pieces: list[str]) -> tuple[list[ToolCall], CallReader]:
    reader = CallReader()
    return whole_calls([delta for piece in pieces for delta in reader.push(piece)]), reader


@settings(max_examples=40)
@given(calls=CALLS, listed=st.booleans(), sizes=st.lists(st.integers(1, 9)))
def test_calls_come_out_as_they_went_in(calls, listed, sizes):
    calls = calls if listed else calls[:1]
    text = text_of(calls, listed=listed)
    pieces = []
    for size in sizes:
        pieces.append(text[:size])
        text = text[size:]
    made, reader = read([*pieces, text])
    assert [(one.function.name, json.loads(one.function.arguments)) for one in made] == calls
    assert len({one.id for one in made}) == len(made)
    assert reader.reason("stop") == "tool_calls"
    assert reader.reason("length") == "length"


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("", []),
        ('{"name": "get', []),
        ('{"name": "f", "arguments": ', [("f", "")]),
        ('{"name": "f", "arguments": {"a": "}', [("f", '{"a": "}')]),
        (
            '[{"name": "f", "arguments": {}}, {"name": "g", "arguments": {"',
            [("f", "{}"), ("g", '{"')],
        ),
    ],
)
def test_a_cut_text_has_what_there_is_of_its_calls(text, made):
    calls, reader = read([text])
    assert [(one.function.name, one.function.arguments) for one in calls] == made
    assert reader.reason("length") == "length"
    assert reader.reason("stop") == "stop", "a stop text cut it"
