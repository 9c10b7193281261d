from pathlib import Path

import pytest

from data.errors import DatasetError
from data.files.datasets import Pair, Prompt, read_pairs, read_prompts
from data.records import Turn

BEFORE = '{"comment": "x", "reply": "y", "before": [%s]}'
GOOD = '{"comment": "Hi", "reply": "Hö 😂"}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "set.jsonl"


def test_pairs_are_read_with_and_without_topic(path: Path) -> None:
    path.write_text(GOOD + '\n\n{"topic": "pets", "comment": "a\\u2028b", "reply": "c"}\n')
    assert read_pairs(path) == [Pair("Hi", "Hö 😂"), Pair("a\u2028b", "c", "pets")]


def test_a_pair_may_have_turns_before_it(path: Path) -> None:
    before = '[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]'
    path.write_text(f'{{"comment": "a", "reply": "b", "before": {before}}}\n')
    turns = (Turn("user", "Hi"), Turn("assistant", "Yo"))
    assert read_pairs(path) == [Pair("a", "b", before=turns)]


def test_prompts_are_read_in_order(path: Path) -> None:
    path.write_text('{"id": "b", "prompt": "Why?"}\r\n{"id": "a", "prompt": "Who?"}')
    assert read_prompts(path) == [Prompt("b", "Why?"), Prompt("a", "Who?")]


def test_a_line_separator_inside_a_text_does_not_end_the_line(path: Path) -> None:
    path.write_text('{"comment": "a\u2028b", "reply": "c\x85d"}\n', encoding="utf-8")
    assert read_pairs(path) == [Pair("a\u2028b", "c\x85d")]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "line 2 is not JSON"),
        ("[" * 100_000, "line 2 is not JSON"),
        ("[]", "line 2 is not a JSON object"),
        ('{"comment": "x"}', "line 2 lacks reply"),
        ("{}", "line 2 lacks comment, reply"),
        (
            '{"comment": "x", "reply": "y", "Topic": "z"}',
            "line 2 has 'Topic'; known are before, comment",
        ),
        ('{"comment": "x", "reply": 3}', "line 2: reply must be a text"),
        ('{"comment": " \\n", "reply": "y"}', "line 2: comment must be a text that is not empty"),
        ('{"comment": "x", "reply": "y", "topic": null}', "line 2: topic must be a text"),
        ('{"comment": "x", "reply": "y", "before": "z"}', "line 2: before must be a list of turns"),
        (
            BEFORE % '{"role": "bot", "content": "z"}',
            "line 2: before[0].role must be one of system",
        ),
        (BEFORE % '{"role": "user"}', "line 2: before[0].content must be a text"),
        (BEFORE % '"z"', "line 2: before[0].role must be one of"),
        ('{"comment": "x\\ud800", "reply": "y"}', "line 2: comment holds half a character"),
    ],
)
def test_a_bad_line_is_named(path: Path, line: str, complaint: str) -> None:
    path.write_text(f"{GOOD}\n{line}\n")
    with pytest.raises(DatasetError) as caught:
        read_pairs(path)
    assert str(caught.value).startswith(f"{path}, {complaint}")
    assert "\n" not in str(caught.value)


def test_an_id_stands_once(path: Path) -> None:
    path.write_text('{"id": "a", "prompt": "Why?"}\n{"id": "a", "prompt": "Who?"}')
    with pytest.raises(DatasetError, match="line 2: the id 'a' is taken"):
        read_prompts(path)


def test_a_file_that_cannot_be_read_is_named(path: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read \\(No such file"):
        read_pairs(path)
    with pytest.raises(DatasetError, match="cannot be read \\(Is a directory"):
        read_pairs(tmp_path)
    path.write_bytes(b'{"comment": "\xff"}')
    with pytest.raises(DatasetError, match="is not UTF-8 \\(byte 13\\)"):
        read_pairs(path)
