"""What a manifest says about base, data and code."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from training.errors import RecipeError
from training.prepare.card import read_card
from training.train.record import code_version, licence_of, manifest_of

NOON = datetime(2024, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def card(job):
    return read_card(job.data)


def manifest(job, card, tmp_path):
    weights = tmp_path / "weights"
    weights.write_bytes(b"weights")
    return manifest_of(job, card, weights, {"steps": 3}, NOON)


@pytest.mark.parametrize(
    ("recipe", "card_says", "licence"),
    [
        ("CC0", None, "CC0"),
        (None, "MIT", "MIT"),
        ("CC0", "CC0", "CC0"),
        (None, None, "unknown"),
    ],
)
def test_the_licence_is_what_card_or_recipe_say(job, card, recipe, card_says, licence):
    asked = job.recipe.model_copy(update={"licence": recipe})
    assert licence_of(asked, card.model_copy(update={"licence": card_says})) == licence


def test_two_licences_are_refused(job, card):
    with pytest.raises(RecipeError, match=r"recipe says 'CC0-1.0', the card of the data 'MIT'"):
        licence_of(job.recipe, card.model_copy(update={"licence": "MIT"}))


def test_consent_is_taken_from_the_card(job, card, tmp_path):
    assert manifest(job, card, tmp_path).data.consent is None
    asked = card.model_copy(update={"consent": "all opted in"})
    assert manifest(job, asked, tmp_path).data.consent == "all opted in"


@pytest.mark.parametrize(("hash_", "revision"), [("revision:abc", "abc"), ("sha256:abc", None)])
def test_a_base_of_the_hub_has_its_revision(job, base, card, tmp_path, hash_, revision):
    job = replace(job, base=replace(base, hash=hash_))
    assert manifest(job, card, tmp_path).base.revision == revision


def test_a_recipe_without_a_file_has_no_hash(job, card, tmp_path):
    found = manifest(replace(job, config=None), card, tmp_path)
    assert found.config["sha256"] is None
    assert found.config["lora"]["r"] == 4


def test_the_code_has_a_version():
    assert code_version() == code_version()
    assert len(code_version()) == len("sha256:") + 64
