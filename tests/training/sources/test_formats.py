"""Files as other tools write them are known by their shape, and the shape may be said instead."""

import bz2
import gzip
import json
import lzma

import pytest
import zstandard
from datasets import Dataset

from data.errors import DatasetError
from data.records import Turn
from tests.fakes.one_source import open_source
from training.sources.formats import Format
from training.sources.reading import Reading
from training.sources.reasons import DroppedRow, DropReason
from training.sources.row import SourceRow

CHAT = [{"from": "human", "value": "soup?"}, {"from": "gpt", "value": "yes"}]
TURNS = [{"role": "user", "content": "soup?"}, {"role": "assistant", "content": "yes"}]
TREE = {
    "message_tree_id": "t", "tree_state": "ready_for_export",
    "prompt": {
        "message_id": "t", "text": "soup?", "role": "prompter", "replies": [
            {"message_id": "a", "text": "yes", "role": "assistant", "rank": 0, "replies": [
                {"message_id": "c", "text": "why?", "role": "prompter", "replies": [
                    {"message_id": "d", "text": "salt", "role": "assistant", "replies": []}]}]},
            {"message_id": "b", "text": "no", "role": "assistant", "rank": 1},
            {"message_id": "e", "text": "[x]", "role": "assistant", "deleted": True},
            {"message_id": "f", "text": "buy!", "role": "assistant", "review_result": False},
        ]},
}  # fmt: skip
OBJECTS = [
    (Format.JSONL, {"comment": "soup?", "reply": "yes"}),
    (Format.JSONL, {"messages": TURNS}),
    (Format.SHAREGPT, {"id": "x_0", "conversations": CHAT}),
    (Format.SHAREGPT, {"conversations": TURNS}),
    (Format.ALPACA, {"instruction": "soup?", "input": "", "output": "yes", "text": "### …"}),
    (Format.ALPACA, {"instruction": "soup?", "context": "", "response": "yes"}),
    (Format.PROMPT_COMPLETION, {"prompt": "soup?", "completion": "yes"}),
    (Format.PROMPT_COMPLETION, {"prompt": TURNS[:1], "completion": TURNS[1:]}),
    (Format.OPENASSISTANT, TREE),
]


@pytest.mark.parametrize(("kind", "item"), OBJECTS)
@pytest.mark.parametrize("how", ["lines", "array", "pretty", "wrapped", "wrapped line", "parquet"])
def test_the_shape_is_known_however_the_objects_are_held(write, tmp_path, kind, item, how):
    content = {
        "lines": json.dumps(item) + "\n",
        "array": json.dumps([item]),
        "pretty": json.dumps([item], indent=2),
        "wrapped": json.dumps({"version": 1, "data": [item], "n": 12}, indent=2),
        "wrapped line": json.dumps({"version": 1, "data": [item]}),
    }
    if how == "parquet":
        path = tmp_path / "a.parquet"
        Dataset.from_list([item]).to_parquet(str(path))
    else:
        path = write("a.jsonl" if how == "lines" else "a.json", content[how])
    opened = open_source(path, Reading(), tmp_path)
    [row, *_] = opened.rows
    assert isinstance(row, SourceRow)
    assert (row.comment, row.reply) == ("soup?", "yes")
    if kind.is_named:
        assert opened.format is kind
        assert kind.words in opened.detected
    assert not opened.is_discord


def pairs(rows):
    return [(row.comment, row.reply) if isinstance(row, SourceRow) else row.reason for row in rows]


PACKERS = {
    ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstandard.compress,
}  # fmt: skip
WORDS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "Zstandard"}


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("name", ["a.jsonl{}", "RC_2015-01{}", "a.jsonl", "a.csv{}", "a.csv"])
def test_packed_files_are_known_by_their_name_or_their_first_bytes(write, tmp_path, ending, name):
    text = "Comment,Response\nsoup?,yes\n" if ".csv" in name else json.dumps(OBJECTS[0][1])
    path = write(name.format(ending), PACKERS[ending](text.encode()))
    opened = open_source(path, Reading(), tmp_path)
    assert pairs(opened.rows) == [("soup?", "yes")]
    assert f"packed with {WORDS[ending]}" in opened.detected


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("how", ["cut", "changed", "no such packing"])
def test_a_damaged_packed_file_is_one_line(write, read, ending, how):
    text = "".join(f'{{"comment": "{n**9}", "reply": "b"}}\n' for n in range(3_000))
    packed = bytearray(PACKERS[ending](text.encode()))
    if how == "cut":
        packed = packed[:-40]
    elif how == "changed":
        packed[len(packed) // 2 :] = b"\x55" * (len(packed) - len(packed) // 2)
    else:
        packed = bytearray(b"plain text")
    with pytest.raises(DatasetError) as caught:
        read(write(f"bad.jsonl{ending}", bytes(packed)))
    assert "\n" not in str(caught.value)
    assert "bad.jsonl" in str(caught.value)
    assert f"is no whole {WORDS[ending]} file" in str(caught.value) or how == "changed"


def test_a_packed_table_is_refused_by_name(write, read):
    with pytest.raises(DatasetError, match=r"a\.parquet\.gz is a packed table: unpack it first"):
        read(write("a.parquet.gz", b""))


TABLES = [
    ("a.csv", b"Comment,Response\nsoup?,yes\n", "commas"),
    ("a.csv", "Comment;Response\r\nsoup?;yes\r\n".encode("utf-8-sig"), "semicolons"),
    ("a.csv", b'"Comment, or so";Comment;Response\n"a, b, c";soup?;yes\n', "semicolons"),
    ("a.csv", b"sep=;\r\nComment;Response\r\nsoup?;yes\r\n", "semicolons"),
    ("a.csv", "sep=,\nComment,Response\nsoup?,yes\n".encode("utf-16"), "commas"),
    ("a.csv", b'"sep=|"\nComment|Response\nsoup?|yes\n', "bars"),
    ("a.tsv", b"Comment\tResponse\tmore\nsoup?\tyes\t\n", "tabs"),
    ("a.csv", "Comment\tResponse\r\nsoup?\tyes\r\n".encode("utf-16"), "tabs"),
]


@pytest.mark.parametrize(("name", "content", "marks"), TABLES)
def test_what_stands_between_cells_is_found(write, tmp_path, name, content, marks):
    opened = open_source(write(name, content), Reading(), tmp_path)
    assert list(opened.rows) == [SourceRow("row 2", "soup?", "yes")]
    assert f"cells between {marks}" in opened.detected


def test_what_stands_between_cells_may_be_said(write, read):
    path = write("a.csv", b"Comment;Response,x\nsoup?;yes,y,z\n")
    assert read(path, Reading(delimiter=";", columns=columns("Comment", "Response,x"))) == [
        SourceRow("row 2", "soup?", "yes,y,z")
    ]


def test_an_error_after_sep_names_the_line_of_the_file(write, read):
    with pytest.raises(DatasetError, match=r"row 2 \(from line 3\) has a broken quote"):
        read(write("a.csv", b'sep=;\nComment;Response\n"a;b\n'))


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig", "utf-16"])
def test_a_file_from_windows_is_known_and_said(write, tmp_path, encoding):
    text = "Comment;Response\r\nKäse – „gut“?;5 €\r\n"
    opened = open_source(write("a.csv", text.encode(encoding)), Reading(), tmp_path)
    assert pairs(opened.rows) == [("Käse – „gut“?", "5 €")]
    assert ("Windows-1252" in opened.detected) is (encoding == "cp1252")


def test_a_damaged_utf_8_file_is_not_taken_for_one_from_windows(write, read):
    content = "Comment,Response\nKäse,Brötchen\nÖl,Müsli\n".encode() + b"\xe4,b\n"
    with pytest.raises(DatasetError, match=r"is not UTF-8 \(byte 44, line 4\)"):
        read(write("a.csv", content))


def test_a_mark_is_no_part_of_the_first_name_when_the_encoding_is_said(write, read):
    path = write("a.csv", "Comment,Response\nsoup?,yes\n".encode("utf-8-sig"))
    assert read(path, Reading(encoding="utf-8"))[0].comment == "soup?"


def columns(comment, reply):
    from training.sources.pairs import Columns

    return Columns(comment, reply)


def test_the_shape_may_be_said(write, read, tmp_path):
    both = {"instruction": "do", "output": "done", "prompt": "soup?", "completion": "yes"}
    path = write("a.jsonl", json.dumps(both))
    said = {Format.ALPACA: "do", Format.PROMPT_COMPLETION: "soup?"}
    for kind, comment in said.items():
        assert read(path, Reading(format=kind))[0].comment == comment
    assert read(path, Reading(columns=columns("prompt", "output")))[0].reply == "done"
    odd = write("data.txt", json.dumps(both))
    assert open_source(odd, Reading(format=Format.ALPACA), tmp_path).format is Format.ALPACA


def test_alpaca_in_a_table_is_read_with_its_input(write, read):
    path = write("a.csv", "Instruction,Input,Output\nAdd.,1 and 2,3\nSing.,NaN,la\n")
    assert [(row.comment, row.reply) for row in read(path)] == [
        ("Add.\n\n1 and 2", "3"), ("Sing.", "la"),
    ]  # fmt: skip


def test_alpaca_keeps_its_input_its_system_and_its_history(write, read):
    item = {"instruction": "And?", "input": "1 2", "output": "3", "system": "Be brief.",
            "history": [["Hi.", "Hello."]]}  # fmt: skip
    [row] = read(write("a.jsonl", json.dumps(item)))
    assert row.before == (Turn("system", "Be brief."), Turn("user", "Hi."),
                          Turn("assistant", "Hello."))  # fmt: skip
    assert row.comment == "And?\n\n1 2"


def test_each_answer_of_a_tree_is_a_row_with_what_stands_above(write, read):
    rows = read(write("trees.jsonl", json.dumps(TREE)))
    above = (Turn("user", "soup?"), Turn("assistant", "yes"))
    assert rows == [
        SourceRow("line 1", "soup?", "yes", thread="t", score=0),
        SourceRow("line 1", "why?", "salt", thread="t", before=above),
        SourceRow("line 1", "soup?", "no", thread="t", score=-1),
        DroppedRow(DropReason.DELETED, "line 1", "[x]"),
        DroppedRow(DropReason.NOT_RATED, "line 1", "buy!"),
    ]


def flat(message, parent=None):
    yield {key: value for key, value in message.items() if key != "replies"} | {
        "parent_id": parent, "message_tree_id": "t",
    }  # fmt: skip
    for reply in message.get("replies", []):
        yield from flat(reply, message["message_id"])


def test_a_tree_may_be_held_as_single_messages(write, read):
    lines = [*flat(TREE["prompt"]), {"message_id": "z", "parent_id": "gone", "role": "assistant",
                                     "text": "lost", "message_tree_id": "t"}]  # fmt: skip
    rows = read(write("messages.jsonl", "\n".join(map(json.dumps, lines))))
    whole = read(write("trees.jsonl", json.dumps(TREE)))
    assert rows[0] == DroppedRow(DropReason.NO_PARENT, "line 8", "lost")
    texts = [row.text if isinstance(row, DroppedRow) else row.reply for row in rows[1:]]
    assert texts == [row.text if isinstance(row, DroppedRow) else row.reply for row in whole]


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"instruction": "a", "output": 5}, "line 1: output must be a text, not int"),
        ({"instruction": "a", "output": "b", "response": "c"}, "has both output and response"),
        ({"instruction": "a", "output": "b", "history": [["c"]]}, "history[0] must be a question"),
        ({"prompt": 5, "completion": "b"}, "line 1: prompt must be a text, not int"),
        ({"conversations": [{"from": "cat"}]}, "conversations[0].from must be one of"),
        ({"conversations": [{"from": "human", "value": 5}]}, "conversations[0].value must be a"),
        ({"message_tree_id": "t", "prompt": 5}, "line 1: prompt must be a message, not int"),
        ({"message_tree_id": "t", "prompt": {"role": "cat"}}, "role must be prompter or assistant"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_key(write, read, item, words):
    with pytest.raises(DatasetError) as caught:
        read(write("bad.jsonl", json.dumps(item)))
    assert words in str(caught.value)
    assert "bad.jsonl" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_later_object_of_another_shape_is_named_or_counted(write, read):
    path = write("a.jsonl", f'{json.dumps(OBJECTS[4][1])}\n{{"q": "a"}}\n')
    with pytest.raises(DatasetError, match=r"a\.jsonl, line 2 lacks instruction; it has q"):
        read(path)
    assert read(path, Reading(strict=False))[1] == DroppedRow(
        DropReason.BROKEN, "line 2", "lacks instruction; it has q: name what it is with --format"
    )
