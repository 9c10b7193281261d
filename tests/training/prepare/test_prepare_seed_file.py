"""The file of the project that this one comes from, where somebody has it."""

import os
from pathlib import Path

import pytest

from training.prepare.prepare import PrepareOptions, prepare
from training.prepare.sides import Side
from training.sources.reading import Reading

ROOT = Path(__file__).resolve().parents[3]
SEED = Path(os.environ.get("SEED_CSV") or ROOT.parent / "shared" / "data" / "reddit-comments.csv")


@pytest.mark.skipif(not SEED.exists(), reason="the seed's file is not here: set SEED_CSV")
def test_the_seeds_file_is_prepared(tmp_path):
    card = prepare(SEED, tmp_path / "out", PrepareOptions(reading=Reading(lenient_quotes=True)))
    kept = sum(side.rows for side in card.sides.values())
    assert card.rows == 249
    assert kept + sum(step.rows for step in card.dropped) == 249
    assert kept >= 220
    assert all(card.sides[side].rows >= 10 for side in Side)
    for side in Side:
        text = (tmp_path / "out" / f"{side}.jsonl").read_text(encoding="utf-8")
        assert not [
            mark for mark in ("http://", "https://", "&gt;", "&amp;", "\\\\n") if mark in text
        ]
