"""Discord content is recognised by what it is, and prepared only with Discord's permission."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard
from datasets import Dataset

from tests.training.sources.test_rated import line
from training.__main__ import main
from training.errors import PreparationError
from training.prepare.card import PAGE, check_permission, read_card, write_card
from training.prepare.prepare import PrepareOptions, prepare
from training.prepare.provenance import (
    API,
    EXPORT,
    EXPORTER,
    PACKAGE,
    STORED,
    Provenance,
    permitted,
    provenance_of,
)
from training.prepare.sides import Shares
from training.sources.rated import CONSENT, LOCAL

ID = "1234567890123456789"
EXPORTED = {
    "guild": {"id": ID, "name": "A"},
    "channel": {"id": ID, "type": "GuildTextChat", "name": "general"},
    "dateRange": {"after": None, "before": None},
    "exportedAt": "2024-07-01T00:00:00+00:00",
    "messages": [{"id": ID, "type": "Default", "content": "hi", "author": {"id": ID}}],
    "messageCount": 1,
}
MESSAGE = {"id": ID, "channel_id": ID, "content": "hi", "author": {"id": ID, "username": "ann"}}
FLAT = {"id": ID, "content": "hi", "author": {"id": ID, "name": "ann", "discriminator": "0000"}}
STORED_ROW = {"request": 1, "front_end": "discord", "prompt": "hi", "text": "hello"}
OWN = {"ID": int(ID), "Timestamp": "2024-07-01 00:00:00", "Contents": "hi", "Attachments": ""}
OPTIONS = PrepareOptions(shares=Shares(0.2, 0.2))


@pytest.fixture
def file(tmp_path: Path):
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def rated(count: int, **changes: Any) -> str:
    """An export with this many answers, each rated good."""
    made = []
    for n in range(count):
        turns = [{"role": "user", "content": f"{n**5} whys {n * 7919}?"}]
        made.append(line(n, "good", turns=turns, answer=f"{n**7} {n * 104729}", **changes))
    return "".join(made)


@pytest.mark.parametrize(
    ("name", "content", "made_by"),
    [
        ("channel.json", json.dumps(EXPORTED, indent=2), EXPORTER),
        ("channel.json", json.dumps(EXPORTED, separators=(",", ":")), EXPORTER),
        ("sorted.json", json.dumps(EXPORTED, sort_keys=True), EXPORTER),
        ("dump.zst", zstandard.compress(json.dumps(EXPORTED).encode()), EXPORTER),
        ("utf16.json", json.dumps(EXPORTED).encode("utf-16"), EXPORTER),
        ("called.csv", json.dumps(EXPORTED), EXPORTER),
        ("a.csv", "AuthorID,Author,Date,Content,Attachments,Reactions\n1,a,b,c,,\n", EXPORTER),
        ("a.csv", '"AuthorID";"Author";"Date";"Content"\n1;a;b;c\n', EXPORTER),
        ("a.csv", "sep=,\nAuthorID,Author,Date,Content\n1,a,b,c\n", EXPORTER),
        ("messages.csv", "ID,Timestamp,Contents,Attachments\n1,t,hi,\n", PACKAGE),
        ("messages.json", json.dumps([OWN]), PACKAGE),
        ("messages.json", json.dumps([OWN | {"ID": ID}], indent=1), PACKAGE),
        ("api.jsonl", json.dumps(MESSAGE), API),
        ("flat.jsonl", json.dumps(FLAT), API),
        ("my-fungpt-data.json", json.dumps({"requests": [STORED_ROW]}), STORED),
        ("ratings.csv", "rating,answer_id,answer,prompt\ngood,1,a,b\n", EXPORT),
    ],
)
def test_discord_content_is_recognised(file, tmp_path, name, content, made_by):
    assert provenance_of(file(name, content), None, tmp_path) == Provenance(made_by)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "Comment,Response\nhi,hello\n"),
        ("a.csv", "id,timestamp,contents\n1,2,hi\n"),
        ("a.jsonl", json.dumps({"comment": json.dumps(FLAT), "reply": json.dumps(MESSAGE)})),
        ("a.jsonl", json.dumps({"comment": json.dumps(EXPORTED), "reply": '"answer_id": 1'})),
        ("a.jsonl", json.dumps({"messages": [{"role": "user", "content": "I use Discord"}]})),
        (
            "r.jsonl",
            json.dumps({"id": "c1", "parent_id": "t1_c0", "body": "discord", "author": "a"}),
        ),
        ("a.json", json.dumps({"openapi": "3", "discriminator": {"propertyName": "content"}})),
        ("a.jsonl", b"\xff\xfe\xff not a text"),
        ("a.parquet", b"not a table"),
        ("none.jsonl", b""),
    ],
)
def test_other_files_are_not_taken_for_discords(file, tmp_path, name, content):
    assert provenance_of(file(name, content), None, tmp_path) == Provenance()
    assert provenance_of(tmp_path / "missing.jsonl", None, tmp_path) == Provenance()


def test_tables_and_folders_are_looked_into(file, tmp_path):
    table = tmp_path / "a.parquet"
    Dataset.from_list([MESSAGE]).to_parquet(table)
    assert provenance_of(table, None, tmp_path) == Provenance(API)
    Dataset.from_list([{"comment": "a", "reply": "b"}]).to_parquet(table)
    assert provenance_of(table, None, tmp_path) == Provenance()
    Dataset.from_list([json.loads(line(1, "good")), json.loads(line(2, "bad"))]).to_parquet(table)
    assert provenance_of(table, None, tmp_path).permission == "ticket 7"
    package = file("package/messages/c1/messages.json", json.dumps([OWN])).parents[2]
    file("package/messages/index.json", "{}")
    assert provenance_of(package, None, tmp_path).discord == PACKAGE


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (line(1, "good"), ("ticket 7", ("0123456789abcdef",))),
        (line(1, "good") + line(2, "bad", permission=None), (None, ("0123456789abcdef",))),
        (line(1, "good") + line(2, "bad", permission="8", export="b"),
         ("8, ticket 7", ("0123456789abcdef", "b"))),
        (line(1, "good") + '{"rating": "bad", "answer_id": 2}', (None, ("0123456789abcdef",))),
        ('{"rating": "good", "answer_id": 1}', (None, ())),
    ],
)  # fmt: skip
def test_every_line_of_an_export_counts(file, tmp_path, lines, found):
    provenance = provenance_of(file("ratings.jsonl", lines), None, tmp_path)
    assert provenance == Provenance(EXPORT, found[0], agreed=True, exports=found[1])


def test_what_was_typed_here_is_no_discord_content(file, tmp_path):
    local = line(1, "good", origin="terminal", permission=None, export="a")
    piped = line(1, "good", origin="pipe", permission=None, export="b")
    found = provenance_of(file("ratings.jsonl", local + piped), None, tmp_path)
    assert found == Provenance(None, None, agreed=True, exports=("a", "b"))
    mixed = file("mixed.jsonl", local + line(2, "good", permission=None))
    assert provenance_of(mixed, None, tmp_path).discord == EXPORT


def as_csv(text: str) -> str:
    rows = [json.loads(one) for one in text.splitlines()]
    out = io.StringIO()
    table = csv.DictWriter(out, list(rows[0]), restval="")
    table.writeheader()
    table.writerows(rows)
    return out.getvalue()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (line(1, "good", origin="terminal", permission=None, export="a")
         + line(2, "good", origin="pipe", permission=None, export="a"), (None, None)),
        (line(1, "good", origin="terminal", permission=None, export="a")
         + line(2, "good", permission=None, export="a"), (EXPORT, None)),
        (line(1, "good", permission="7", export="a"), (EXPORT, "7")),
        (line(1, "good", permission="7", export="a")
         + line(2, "good", permission=None, export="a"), (EXPORT, None)),
    ],
)  # fmt: skip
def test_an_export_put_into_a_table_keeps_its_stamps(file, tmp_path, text, found):
    provenance = provenance_of(file("ratings.csv", as_csv(text)), None, tmp_path)
    assert provenance == Provenance(found[0], found[1], agreed=True, exports=("a",))
    upper = as_csv(text).replace("origin", "Origin", 1)
    assert provenance_of(file("upper.csv", upper), None, tmp_path) == provenance


def test_a_table_is_known_by_its_bytes(file, tmp_path):
    Dataset.from_list([MESSAGE]).to_parquet(tmp_path / "a.parquet")
    disguised = file("chat.data", (tmp_path / "a.parquet").read_bytes())
    assert provenance_of(disguised, None, tmp_path) == Provenance(API)


def test_the_rule():
    path, foreign = Path("a.json"), Provenance(EXPORTER)
    assert permitted(path, Provenance(), None, None).permission is None
    assert permitted(path, Provenance(), "7", None).permission is None
    assert permitted(path, Provenance(EXPORT, "8", agreed=True), "7", None).permission == "8"
    assert permitted(path, Provenance(EXPORT, None, agreed=True), "7", None).permission == "7"
    assert permitted(path, foreign, "7", "all asked").permission == "7"
    with pytest.raises(PreparationError, match="DISCORD_TRAINING_PERMISSION"):
        permitted(path, foreign, None, "all asked")
    with pytest.raises(PreparationError, match="DISCORD_TRAINING_PERMISSION"):
        permitted(path, Provenance(EXPORT, None, agreed=True), "", None)
    with pytest.raises(PreparationError, match="--consent"):
        permitted(path, foreign, "7", None)


@pytest.mark.parametrize("arguments", [[], ["--format", "jsonl", "--comment-column", "prompt"]])
def test_prepare_refuses_an_export_without_permission(
    file, tmp_path, capsys, monkeypatch, arguments
):
    monkeypatch.delenv("DISCORD_TRAINING_PERMISSION", raising=False)
    monkeypatch.chdir(tmp_path)
    source = file("ratings.jsonl", rated(9, permission=None, prompt="p", reply="r"))
    assert main(["prepare", str(source), "--out", "out", *arguments]) == 1
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert f"{source} is Discord content (an export of this bot), and Discord forbids" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", ["environment", "dotenv"])
def test_prepare_takes_it_with_the_permission_of_the_settings(
    file, tmp_path, capsys, monkeypatch, place
):
    monkeypatch.delenv("DISCORD_TRAINING_PERMISSION", raising=False)
    monkeypatch.chdir(tmp_path)
    if place == "environment":
        monkeypatch.setenv("DISCORD_TRAINING_PERMISSION", "ticket 9")
    else:
        file(".env", "DISCORD_TRAINING_PERMISSION=ticket 9\n")
    source = file("ratings.jsonl", rated(12, permission=None))
    assert main(["prepare", str(source), "--out", "out"]) == 0
    assert "Discord content (an export of this bot), permitted: ticket 9" in capsys.readouterr().out
    card = read_card(tmp_path / "out")
    assert (card.permission, card.consent) == ("ticket 9", CONSENT)
    assert card.exports == ("0123456789abcdef", card.source.sha256)
    check_permission(tmp_path / "out", card)


def test_the_exports_own_stamp_is_enough_and_stands_on_the_card(file, tmp_path):
    other = file("pairs.jsonl", '{"comment": "so", "reply": "what"}\n')
    card = prepare([file("ratings.jsonl", rated(12)), other], tmp_path / "out", OPTIONS)
    assert [(source.discord, source.permission) for source in card.sources] == [
        (EXPORT, "ticket 7"),
        (None, None),
    ]
    page = (tmp_path / "out" / PAGE).read_text(encoding="utf-8")
    assert "ratings.jsonl is Discord content (an export of this bot)." in page
    assert "ticket 7." in page


def test_an_export_of_the_terminal_is_free(file, tmp_path):
    source = file("ratings.jsonl", rated(12, origin="terminal", permission=None))
    card = prepare(source, tmp_path / "out", OPTIONS)
    assert (card.permission, card.consent, card.source.discord) == (None, LOCAL, None)
    assert card.exports == ("0123456789abcdef", card.source.sha256)
    check_permission(tmp_path / "out", card)


def test_a_foreign_export_needs_permission_and_consent(file, tmp_path):
    source = file("channel.json", json.dumps(EXPORTED, indent=1))
    for options, words in (
        (PrepareOptions(consent="all asked"), "DISCORD_TRAINING_PERMISSION"),
        (PrepareOptions(permission="ticket 7"), "--consent"),
    ):
        with pytest.raises(PreparationError, match=words):
            prepare(source, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


def test_a_side_of_prepared_data_is_what_its_card_says(file, tmp_path):
    prepare(file("ratings.jsonl", rated(30)), tmp_path / "first", OPTIONS)
    card = prepare(tmp_path / "first" / "train.jsonl", tmp_path / "second", OPTIONS)
    assert (card.source.discord, card.permission) == (EXPORT, "ticket 7")
    assert card.exports[0] == "0123456789abcdef"
    bare = read_card(tmp_path / "first")
    bad = bare.model_copy(
        update={"sources": (bare.source.model_copy(update={"permission": None}),)}
    )
    write_card(tmp_path / "first", bad)
    with pytest.raises(PreparationError, match="is Discord content"):
        prepare(tmp_path / "first" / "train.jsonl", tmp_path / "third", OPTIONS)
    plain = file("pairs.jsonl", "".join(
        json.dumps({"comment": f"{n**5}", "reply": f"{n**7}"}) + "\n" for n in range(2, 20)
    ))  # fmt: skip
    prepare(plain, tmp_path / "plain", OPTIONS)
    side = tmp_path / "plain" / "train.jsonl"
    assert provenance_of(side, None, tmp_path).discord is None
