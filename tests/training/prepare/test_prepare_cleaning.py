"""Encodings are undone only in sources that have them, and the card shows what each rule did."""

import json
from pathlib import Path

import pytest

from data.files.datasets import read_pairs
from training.__main__ import main
from training.prepare.card import PAGE, Card, read_card
from training.prepare.cleaning.rule import CleaningChoice, CleaningRule
from training.prepare.prepare import PrepareOptions, prepare
from training.prepare.sides import Shares, Side

WORDS = ["soup", "golf", "jazz", "mars", "rent", "ties", "cake", "moss", "yarn", "kelp"]
RAW = [(f"{word} in C:\\new\\{word}", f"no &amp; {word[::-1]}&nothing") for word in WORDS[:2]]
PLAIN = [(f"what of {word}?", f"{word[::-1]} it is") for word in WORDS]
ESCAPED = [(f"{word} &amp; tea?", f"Yes.\\n{word[::-1]} it is") for word in WORDS]


def prepared(source: Path, out: Path, choice: CleaningChoice | None = None) -> tuple[Card, str]:
    options = PrepareOptions(shares=Shares(0.2, 0.2), cleaning=choice or CleaningChoice())
    card = prepare(source, out, options)
    pairs = [pair for side in Side for pair in read_pairs(out / f"{side}.jsonl")]
    return card, "\n\n".join(sorted(f"{pair.comment}\n{pair.reply}" for pair in pairs))


def exit_code(call: list[str]) -> object:
    try:
        return main(call)
    except SystemExit as stop:
        return stop.code


def undone(card: Card) -> dict[str, tuple[bool, int | None]]:
    return {record.rule: (record.undone, record.texts) for record in card.encodings}


def test_a_source_that_is_not_encoded_is_not_decoded(write_pairs, tmp_path):
    card, text = prepared(write_pairs(RAW + PLAIN), tmp_path / "out")
    assert "soup in C:\\new\\soup" in text
    assert "no &amp; puos&nothing" in text
    assert undone(card) == {"entities": (False, 2), "escapes": (False, 0)}


def test_an_encoded_source_is_decoded_to_its_first_row(write_pairs, tmp_path):
    card, text = prepared(write_pairs(ESCAPED), tmp_path / "out")
    assert "soup & tea?" in text
    assert "Yes.\npuos it is" in text
    assert undone(card) == {"entities": (True, 10), "escapes": (True, 10)}
    assert {record.why for record in card.encodings} == {"seen"}


def test_each_source_is_judged_alone(write_pairs, tmp_path):
    raw = write_pairs(RAW + PLAIN).rename(tmp_path / "raw.jsonl")
    options = PrepareOptions(shares=Shares(0.2, 0.2))
    card = prepare([raw, write_pairs(ESCAPED)], tmp_path / "out", options)
    assert [(record.source, record.rule, record.undone) for record in card.encodings] == [
        ("raw.jsonl", "entities", False), ("raw.jsonl", "escapes", False),
        ("pairs.jsonl", "entities", True), ("pairs.jsonl", "escapes", True),
    ]  # fmt: skip


def test_a_person_has_the_last_word(write_pairs, tmp_path):
    every = frozenset({CleaningRule.ENTITIES, CleaningRule.ESCAPES})
    source = write_pairs(RAW + PLAIN)
    card, text = prepared(source, tmp_path / "asked", CleaningChoice(decode=every))
    assert "no & puos&nothing" in text
    assert "soup in C:\\new\\soup" in text
    assert {record.why for record in card.encodings} == {"asked for"}
    source = write_pairs(ESCAPED)
    card, text = prepared(source, tmp_path / "off", CleaningChoice(without=every))
    assert "soup &amp; tea?" in text
    assert {record.why for record in card.encodings} == {"switched off"}
    assert card.options["without"] == "entities, escapes"


def test_reddit_is_known_to_have_entities(tmp_path):
    rows = [
        {"id": f"{kind}{n}", "parent_id": parent, "link_id": f"t3_{n}", "body": body}
        for n, word in enumerate(WORDS)
        for kind, parent, body in (
            ("a", f"t3_{n}", f"{word} &amp; {'tea' if n else 'toast'}?"),
            ("b", f"t1_a{n}", f"{word[::-1]} it is"),
        )
    ]
    source = tmp_path / "dump.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    card, text = prepared(source, tmp_path / "out")
    assert "soup & toast?" in text
    assert [(record.rule, record.why) for record in card.encodings] == [
        ("entities", "known of the format"), ("escapes", "not seen"),
    ]  # fmt: skip


def test_the_card_shows_before_and_after_for_each_rule(write_pairs, tmp_path):
    rows = [("hello   there", "> quoted\nno\u200b"), *PLAIN]
    choice = CleaningChoice(without=frozenset({CleaningRule.QUOTES}))
    card, text = prepared(write_pairs(rows), tmp_path / "out", choice)
    assert "> quoted\nno" in text
    records = {record.rule: record for record in card.cleaning}
    assert list(records) == list(CleaningRule)
    assert (records[CleaningRule.SPACES].texts, records[CleaningRule.QUOTES].is_on) == (1, False)
    [example] = records[CleaningRule.SPACES].examples
    assert (example.place, example.before, example.after) == (
        "line 1", "hello   there", "hello there",
    )  # fmt: skip
    [example] = records[CleaningRule.CHARACTERS].examples
    assert (example.before, example.after) == ("> quoted⏎no<U+200B>", "> quoted⏎no")
    assert read_card(tmp_path / "out") == card
    page = (tmp_path / "out" / PAGE).read_text(encoding="utf-8")
    assert "| spaces | 1 | several spaces, or several blank lines, become one |" in page
    assert "| quotes | off | quoted lines (`> …`) go |" in page
    assert "- line 1: `` hello   there `` → `` hello there ``" in page
    assert "| pairs.jsonl | entities | no: not seen | 0 | 1 |" in page


def test_a_card_of_before_is_still_read(write_pairs, tmp_path):
    card, _ = prepared(write_pairs(PLAIN), tmp_path / "out")
    older = card.model_dump(mode="json", exclude={"cleaning", "encodings"})
    (tmp_path / "card.json").write_text(json.dumps(older))
    assert read_card(tmp_path).sides == card.sides


def test_the_example_shows_the_place_of_the_change(write_pairs, tmp_path):
    rows = [("x" * 200 + "   " + "y" * 200, "no"), *PLAIN]
    card, _ = prepared(write_pairs(rows), tmp_path / "out")
    [example] = next(record for record in card.cleaning if record.rule == "spaces").examples
    assert example.before.startswith("…xxx")
    assert "x   y" in example.before
    assert "x y" in example.after
    assert len(example.before) <= 80


def test_options_name_rules(write_pairs, tmp_path, capsys):
    out = tmp_path / "out"
    call = ["prepare", str(write_pairs(RAW + PLAIN)), "--out", str(out)]
    assert main([*call, "--without", "edits,quotes", "--decode", "entities"]) == 0
    card = read_card(out)
    assert (card.options["without"], card.options["decode"]) == ("quotes, edits", "entities")
    assert main(call) == 0
    told = capsys.readouterr().out
    assert "      2 texts of pairs.jsonl seem to have entities: left, see --decode" in told


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--without", "quote"], "quote is no rule: entities, escapes, characters"),
        (["--decode", "edits"], "edits cannot be decoded, only entities, escapes"),
        (["--without", "entities", "--decode", "entities"],
         "entities cannot be asked for and switched off at once"),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_one_clear_line(write_pairs, tmp_path, capsys, options, words):
    call = ["prepare", str(write_pairs(PLAIN)), "--out", str(tmp_path / "out"), *options]
    assert exit_code(call) in (1, 2)
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
