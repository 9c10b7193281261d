"""Fields of chats that other tools honour: honoured here, or refused by name."""

import json

import pytest

from data.errors import DatasetError
from data.records import Turn
from training.sources.reading import Reading
from training.sources.reasons import DroppedRow, DropReason
from training.sources.row import SourceRow


def user(content):
    return {"role": "user", "content": content}


def assistant(content, **more):
    return {"role": "assistant", "content": content, **more}


@pytest.fixture
def rows(write, read):
    def rows(*messages, strict=None, **more):
        item = {"messages": list(messages), **more}
        return read(write("a.jsonl", json.dumps(item)), Reading(strict=strict))

    return rows


def test_an_answer_of_weight_0_is_context_and_no_row(rows):
    found = rows(user("a"), assistant("b", weight=0), user("c"), assistant("d", weight=1))
    assert found == [
        DroppedRow(DropReason.UNLEARNED, "line 1", "b"),
        SourceRow("line 1", "c", "d", thread="a.jsonl: line 1",
                  before=(Turn("user", "a"), Turn("assistant", "b"))),
    ]  # fmt: skip


def test_an_answer_of_which_a_part_has_weight_0_is_no_row(rows):
    found = rows(user("a"), assistant("b", weight=1), assistant("c", weight=0))
    assert found == [DroppedRow(DropReason.UNLEARNED, "line 1", "b\nc")]


def test_a_system_turn_between_question_and_answer_goes_before_the_question(rows):
    system = {"role": "system", "content": "s"}
    found = rows(user("a"), system, assistant("b"), user("c"), assistant("d"))
    before = (Turn("user", "a"), Turn("system", "s"), Turn("assistant", "b"))
    assert [(row.comment, row.reply, row.before) for row in found] == [
        ("a", "b", (Turn("system", "s"),)),
        ("c", "d", before),
    ]


def test_an_answer_that_nobody_asked_for_is_counted(rows):
    system = {"role": "system", "content": "s"}
    for first in ([assistant("hi")], [system, assistant("hi")]):
        greeting, row = rows(*first, user("a"), assistant("b"))
        assert greeting == DroppedRow(DropReason.UNASKED, "line 1", "hi")
        assert row.before == tuple(Turn("system", "s") for _ in first[1:]), "as in serving"


def test_weights_of_blank_turns_do_not_move_to_others(rows):
    found = rows(user("a"), assistant(" ", weight=0), user("b"), assistant("c"))
    assert [(row.comment, row.reply) for row in found] == [("a\nb", "c")]


@pytest.mark.parametrize("weight", [0.5, 2, "0", True])
def test_another_weight_is_refused_by_name(rows, weight):
    with pytest.raises(DatasetError, match=r"line 1: messages\[1\]\.weight must be 0 or 1, not"):
        rows(user("a"), assistant("b", weight=weight))


def test_parts_of_text_make_up_a_text(rows):
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    assert rows(user(parts), assistant("b"))[0].comment == "one\ntwo"


def test_a_developer_is_the_system(rows):
    found = rows({"role": "developer", "content": "Be brief."}, user("a"), assistant("b"))
    assert found[0].before == (Turn("system", "Be brief."),)


@pytest.mark.parametrize(
    ("messages", "more", "words"),
    [
        ([user([{"type": "image_url", "image_url": {}}])], {}, "messages[0].content[0] is 'image_"),
        ([{"role": "tool", "content": "5"}], {}, "messages[0].role is tool, which is not support"),
        ([{"role": "function", "content": "5"}], {}, "messages[0].role is function, which"),
        ([assistant(None, tool_calls=[{}])], {}, "messages[0].tool_calls is not supported"),
        ([assistant(None, function_call={"a": 1})], {}, "messages[0].function_call is not"),
        ([assistant(None, refusal="No.")], {}, "messages[0].refusal is not supported"),
        ([user("a")], {"tools": [{"type": "function"}]}, "line 1: tools is not supported"),
        ([user("a")], {"functions": [{}]}, "line 1: functions is not supported"),
    ],
)
def test_what_cannot_be_learned_is_refused_by_name_or_counted(rows, messages, more, words):
    with pytest.raises(DatasetError) as caught:
        rows(*messages, **more)
    assert words in str(caught.value)
    assert "a.jsonl, line 1" in str(caught.value)
    [dropped] = rows(*messages, strict=False, **more)
    assert dropped.reason is DropReason.BROKEN


def test_tools_that_are_none_are_no_reason_to_refuse(rows):
    found = rows(user("a"), assistant("b", tool_calls=[], refusal=None), tools="[]", functions=None)
    assert [(row.comment, row.reply) for row in found] == [("a", "b")]


def test_of_prompt_and_completion_only_the_completion_is_learned(write, read):
    item = {"prompt": [user("a"), assistant("b"), user("c")], "completion": [assistant("d")]}
    found = read(write("a.jsonl", json.dumps(item)))
    assert [row.text for row in found if isinstance(row, DroppedRow)] == ["b"]
    assert [(row.comment, row.reply) for row in found if isinstance(row, SourceRow)] == [("c", "d")]
