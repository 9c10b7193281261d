"""What a manifest says about base, data and code."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from data.files.made_from import made_from
from data.records import MadeExport
from model.loading.manifest import write_manifest
from training.errors import PreparedDataError, RecipeError
from training.prepare.card import check_permission, read_card, write_card
from training.train.record import code_version, licence_of, manifest_of
from training.train.train import train

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


def test_discords_permission_and_the_exports_are_taken_from_the_card(job, card, tmp_path):
    plain = manifest(job, card, tmp_path).data
    assert (plain.discord_permission, plain.exports) == (None, ())
    source = card.source.model_copy(
        update={"discord": "an export", "permission": "ticket 7", "exports": ("ab12",)}
    )
    second = source.model_copy(update={"permission": "8", "sha256": "ff", "exports": ("cd34",)})
    asked = card.model_copy(update={"sources": (source, second)})
    found = manifest(job, asked, tmp_path).data
    assert found.discord_permission == "8, ticket 7"
    assert found.exports == ("ab12", source.sha256, "cd34", "ff")


def test_what_was_made_from_an_export_is_found_by_card_and_manifest(job, card, tmp_path):
    exports = {
        name: MadeExport(name, "out", sha, None, NOON, 1, 1)
        for name, sha in (("ab12", "0f"), ("other", "ff"), ("third", "aa"))
    }
    source = card.source.model_copy(update={"exports": ("ab12",), "sha256": "ff"})
    asked = card.model_copy(update={"sources": (source,)})
    write_card(job.data, asked)
    adapter = tmp_path / "home" / "adapters" / "tuned"
    adapter.mkdir(parents=True)
    write_manifest(adapter, manifest(job, asked, tmp_path))

    def made(name):
        return {(one.kind, one.folder) for one in made_from([exports[name]], [tmp_path])}

    both = {("prepared data", job.data), ("adapter", adapter)}
    assert made("ab12") == both
    assert made("other") == both
    assert made("third") == set()


@pytest.mark.parametrize(
    "source",
    [{"discord": "DiscordChatExporter"}, {"format": "export"}],
    ids=["no permission", "a card of an older version"],
)
def test_train_refuses_discord_content_without_permission(job, card, source, tmp_path):
    bad = card.model_copy(update={"sources": (card.source.model_copy(update=source),)})
    write_card(job.data, bad)
    with pytest.raises(
        PreparedDataError, match=r"card\.json: .* is Discord content without"
    ) as error:
        train(job, lambda _: None)
    assert "\n" not in str(error.value)
    assert not job.out.exists()
    assert not job.work_folder.exists()
    permitted = bad.source.model_copy(update={"permission": "ticket 7"})
    check_permission(job.data, card.model_copy(update={"sources": (permitted,)}))
