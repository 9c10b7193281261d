"""Edit notes go in their known forms, as far as their paragraph reaches."""

import pytest

from training.prepare.cleaning.clean import clean


@pytest.mark.parametrize(
    "note",
    [
        "EDIT: a typo",
        "Edit: a typo",
        "edit: a typo",
        "Edit 2: a typo",
        "EDIT2: a typo",
        "Edit #3: a typo",
        "2nd edit: a typo",
        "**Edit:** a typo",
        "**EDIT**: a typo",
        "*edit: a typo*",
        "__Edit 2__: a typo",
        "[Edit: a typo]",
        "(edit: a typo)",
        "  Edit: a typo",
        "EDIT - a typo",
        "EDIT 2 – a typo",
        "Edited: a typo",
        "Edited to add: more",
        "ETA (edited to add): more",
        "(edited to add) more",
        "ETA: typo",
        "Edit (for clarity): more",
        "EDIT : a typo",
        "EDIT：a typo",
        "Edit: a typo\nof two lines",
        "EDIT 1: one\nEDIT 2: two",
    ],
)
def test_a_note_goes(note):
    assert clean(f"It works.\n\n{note}") == "It works."
    assert clean(f"It works\n{note}") == "It works"


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("EDIT: solved, thanks!\n\nHow do I boil an egg?", "How do I boil an egg?"),
        ("Boil it.\n\nEDIT: salt\n\nThen peel it.", "Boil it.\n\nThen peel it."),
        ("Boil it (edit: in water) and peel it.", "Boil it and peel it."),
        ("Boil it. EDIT: in water", "Boil it."),
        ("So:\nEDIT: this\n```\nboil()\n```\nend", "So:\n```\nboil()\n```\nend"),
    ],
)
def test_what_is_no_note_stays(raw, cleaned):
    assert clean(raw) == cleaned
