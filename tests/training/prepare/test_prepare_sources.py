"""Several sources of several kinds become one data set, and the card tells of each."""

import json
from pathlib import Path

import pytest
import zstandard

from data.files.datasets import read_pairs
from data.records import Turn
from tests.training.sources.test_rated import line as rating
from training.__main__ import main
from training.prepare.card import PAGE, read_card
from training.prepare.prepare import PrepareOptions, prepare
from training.prepare.rules import RowRules
from training.prepare.shingles import normalise
from training.prepare.sides import Shares, Side
from training.prepare.word_list import WordList
from training.sources.rated import CONSENT

THINGS = ["soup", "golf", "jazz", "mars", "rent", "ties", "cake", "moss", "yarn", "kelp"]


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    rows = "".join(f"{thing} {thing}?,{thing[::-1]} it is\n" for thing in THINGS)
    path.write_text("Comment,Response\n" + rows, encoding="utf-16")
    return path


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "ratings.jsonl"
    talks = [
        [{"role": "user", "content": f"more {thing}?"},
         {"role": "assistant", "content": f"no {thing[::-1]}"},
         {"role": "user", "content": f"why {n * 7919}?"}]
        for n, thing in enumerate(THINGS)
    ]  # fmt: skip
    path.write_text("".join(rating(n, "good", turns=turns, answer=f"{n * 104729} reasons")
                            for n, turns in enumerate(talks)))  # fmt: skip
    return path


def pairs(folder):
    return [pair for side in Side for pair in read_pairs(folder / f"{side}.jsonl")]


def test_sources_are_read_one_after_the_other(csv_file, export, tmp_path):
    packed = tmp_path / "more.jsonl.zst"
    lines = [*({"comment": f"{n**5}", "reply": f"{n**7}"} for n in range(2, 7)),
             {"comment": "Soup, soup!", "reply": "Puos it is."}]  # fmt: skip
    packed.write_bytes(zstandard.compress("\n".join(map(json.dumps, lines)).encode()))
    card = prepare([csv_file, export, packed], tmp_path / "out", PrepareOptions(licence="CC0-1.0"))
    assert [(source.path, source.format, source.rows) for source in card.sources] == [
        ("pairs.csv", "csv", 10), ("ratings.jsonl", "export", 10), ("more.jsonl.zst", "jsonl", 6),
    ]  # fmt: skip
    assert (card.licence, card.consent) == ("CC0-1.0", None)
    assert card.source.rows == card.rows == 26
    assert card.source.path == "pairs.csv, ratings.jsonl, more.jsonl.zst"
    assert len(pairs(tmp_path / "out")) == 25
    [exact] = [step for step in card.dropped if step.step == "exact duplicates"]
    assert exact.examples == ("more.jsonl.zst, line 6: Soup, soup!",)
    assert read_card(tmp_path / "out") == card


def test_an_export_keeps_its_turns_and_its_consent(export, tmp_path):
    options = PrepareOptions(shares=Shares(0.2, 0.2))
    card = prepare(export, tmp_path / "out", options)
    assert card.consent == CONSENT
    [first] = [pair for pair in pairs(tmp_path / "out") if pair.reply == "104729 reasons"]
    assert first.comment == "why 7919?"
    assert first.before == (Turn("user", "more golf?"), Turn("assistant", "no flog"))
    assert (
        prepare(export, tmp_path / "out", PrepareOptions(consent="asked again")).consent
        == "asked again"
    )


def test_what_stood_before_on_one_side_is_no_text_of_another(export, tmp_path):
    copies = tmp_path / "copies.jsonl"
    copies.write_text("".join(
        json.dumps({"comment": f"More {thing.upper()}", "reply": f"{n**9} or so"}) + "\n"
        for n, thing in enumerate(THINGS[:5])
    ))  # fmt: skip
    card = prepare([export, copies], tmp_path / "out", PrepareOptions(shares=Shares(0.3, 0.3)))
    sides = [
        {normalise(text) for pair in read_pairs(tmp_path / "out" / f"{side}.jsonl")
         for text in (pair.comment, pair.reply, *(turn.content for turn in pair.before))}
        for side in Side
    ]  # fmt: skip
    assert sum(map(len, sides)) == len(set().union(*sides))
    [across] = [step.rows for step in card.dropped if step.step == "near another side"]
    assert across > 0


def test_the_page_tells_people_what_the_card_holds(csv_file, tmp_path):
    rules = RowRules(words=WordList(frozenset({"kelp"})), max_chars=15)
    card = prepare(csv_file, tmp_path / "out", PrepareOptions(rules=rules, consent="all asked"))
    page = (tmp_path / "out" / PAGE).read_text(encoding="utf-8")
    assert page.startswith("# Prepared pairs\n\n9 of 10 rows were kept.\n")
    assert "Licence: not stated." in page
    assert "Consent: all asked." in page
    assert "| word list | 1 | a side has a word of the list |" in page
    assert "- `` row 11: kelp kelp? ``" in page
    assert f"| pairs.csv | csv | 10 | {card.source.sha256[:16]} |" in page
    assert "| listed_words | 1 |" in page


def test_what_was_detected_and_tolerated_is_printed_and_on_the_card(tmp_path, capsys):
    path = tmp_path / "RC_2015-01.jsonl"
    comments = [
        {"id": f"a{n}", "parent_id": f"t1_a{n - 1}" if n else None, "link_id": "t3_x",
         "body": f"{thing} {n**9} \ud800"} for n, thing in enumerate(THINGS)
    ]  # fmt: skip
    lines = [*map(json.dumps, comments), "{broken", '{"id": "b"}', "\0", "[]"]
    path.write_text("\n".join(lines))
    out = tmp_path / "out"
    arguments = ["prepare", str(path), "--out", str(out), "--group-by", "text"]
    assert main([*arguments, "--strict"]) == 1
    assert "RC_2015-01.jsonl, line 1 holds a lone surrogate" in capsys.readouterr().err
    main(arguments)
    shown = capsys.readouterr()
    # All rows of one chain of replies share a side, so this little dump cannot be divided.
    assert "Traceback" not in shown.err
    more = tmp_path / "more.jsonl"
    more.write_text("".join(json.dumps({"comment": f"{n**5}?", "reply": f"no {n**7}"}) + "\n"
                            for n in range(2, 40)))  # fmt: skip
    assert main(["prepare", str(path), str(more), *arguments[2:]]) == 0
    shown = capsys.readouterr().out
    assert "RC_2015-01.jsonl (JSON, Reddit dump)" in shown
    assert "10 times: a lone surrogate, at line 1" in shown
    assert "3 dropped: broken, a line or row that cannot be read" in shown
    page = (out / PAGE).read_text(encoding="utf-8")
    assert "- `RC_2015-01.jsonl` was read as: JSON, Reddit dump." in page
    assert "  - a lone surrogate: 10 times, the first at line 1, line 2, line 3." in page
    assert "RC_2015-01.jsonl, line 12: lacks body, parent_id" in page
    [source, _] = read_card(out).sources
    assert next(iter(source.tolerated)).places == 10
