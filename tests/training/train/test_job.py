"""What makes an unfinished training the same one, and what a manifest says of base, data, code."""

import hashlib
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data.files.made_from import made_from
from data.records import MadeExport
from model.loading.manifest import write_manifest
from training.errors import PreparedDataError, RecipeError
from training.prepare.card import check_permission, read_card, write_card
from training.prepare.sides import Side
from training.recipe import read_recipe
from training.train.checkpoint import JOB
from training.train.examples import EncodedSide
from training.train.job import code_version, licence_of
from training.train.train import train

ROOT = Path(__file__).resolve().parents[3]
SHARED_WITH_SERVING = (
    ROOT / "model/text/prompt.py",
    ROOT / "model/text/template.py",
    ROOT / "model/loading/quantised.py",
)
LEARNED = EncodedSide([], 512, shortened=2, left_out=3)
NOON = datetime(2024, 5, 4, 12, tzinfo=UTC)


def identity(job, *overrides, device="cpu"):
    changed = replace(job, recipe=read_recipe(job.config, overrides))
    return changed.identity(read_card(job.data), device)


@pytest.mark.parametrize(
    "override",
    [
        "lora.r=8",
        "seed=9",
        "schedule.epochs=3",
        "stopping.patience=9",
        "schedule.batch_size=2",
        "date=2031-12-24",
        "schedule.max_tokens=99",
        "schedule.too_long=drop",
    ],
)
def test_what_changes_the_adapter_makes_it_another(job, override):
    assert identity(job, override) != identity(job)


@pytest.mark.parametrize(
    "overrides",
    [
        ["schedule.row_tokens=64"],
        ["schedule.layout=padded", "schedule.checkpointing=on"],
        ["schedule.batch_size=2", "schedule.accumulation=2"],
        ["licence=another"],
    ],
)
def test_what_changes_speed_and_memory_does_not(job, overrides):
    assert identity(job, *overrides) == identity(job)


def test_other_data_another_base_and_another_device_do(job, base):
    card = read_card(job.data)
    mine = job.identity(card, "cpu")
    other = replace(job, base=replace(base, hash="sha256:0")).identity(card, "cpu")
    assert [key for key in mine if mine[key] != other[key]] == ["base"]
    assert identity(job, device="cuda") != mine
    sides = dict(card.sides)
    for side, record in sides.items():
        changed = sides | {side: record.model_copy(update={"sha256": "0"})}
        same = job.identity(card.model_copy(update={"sides": changed}), "cpu") == mine
        assert same is (side == "test")


@pytest.mark.parametrize("name", ["chat_template.jinja", "tokenizer.json"])
def test_another_template_or_tokenizer_makes_it_another(job, base, name, tmp_path):
    """The hash of a base that is a folder covers its weights alone."""
    mine = identity(job)
    folder = Path(shutil.copytree(base.folder, tmp_path / "copy"))
    job = replace(job, base=replace(base, folder=folder))
    assert identity(job) == mine
    (folder / name).write_text((folder / name).read_text() + " ")
    assert [key for key, value in identity(job).items() if value != mine[key]] == ["tokenizer"]


def test_the_work_folder_is_beside_the_adapter_unless_told(job, tmp_path):
    assert job.work_folder == job.out.parent / "adapter.work"
    assert replace(job, work=tmp_path / "w").work_folder == tmp_path / "w"


@pytest.fixture
def card(job):
    return read_card(job.data)


def manifest(job, card):
    return job.manifest(card, LEARNED, "lora-sha256:abc", {"steps": 3}, NOON)


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


def test_rows_are_those_that_were_learned_from(job, card):
    data = manifest(job, card).data
    assert card.sides[Side.TRAIN].rows == 12
    assert (data.rows, data.rows_shortened, data.rows_left_out) == (0, 2, 3)


def test_consent_is_taken_from_the_card(job, card):
    assert manifest(job, card).data.consent is None
    asked = card.model_copy(update={"consent": "all opted in"})
    assert manifest(job, asked).data.consent == "all opted in"


@pytest.mark.parametrize(("hash_", "revision"), [("revision:abc", "abc"), ("sha256:abc", None)])
def test_a_base_of_the_hub_has_its_revision(job, base, card, hash_, revision):
    job = replace(job, base=replace(base, hash=hash_))
    assert manifest(job, card).base.revision == revision


def test_a_recipe_without_a_file_has_no_hash(job, card):
    found = manifest(replace(job, config=None), card)
    assert found.config["sha256"] is None
    assert found.config["lora"]["r"] == 4


def test_the_version_covers_all_code_that_decides_what_is_learned():
    digest = hashlib.sha256()
    for path in [*sorted((ROOT / "training").rglob("*.py")), *SHARED_WITH_SERVING]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    assert code_version() == f"sha256:{digest.hexdigest()}"


def test_the_code_has_a_version():
    assert code_version() == code_version()
    assert len(code_version()) == len("sha256:") + 64


def test_discords_permission_and_the_exports_are_taken_from_the_card(job, card):
    plain = manifest(job, card).data
    assert (plain.discord_permission, plain.exports) == (None, ())
    source = card.source.model_copy(
        update={"discord": "an export", "permission": "ticket 7", "exports": ("ab12",)}
    )
    second = source.model_copy(update={"permission": "8", "sha256": "ff", "exports": ("cd34",)})
    asked = card.model_copy(update={"sources": (source, second)})
    found = manifest(job, asked).data
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
    write_manifest(adapter, manifest(job, asked))

    def made(name):
        return {(one.kind, one.folder) for one in made_from([exports[name]], [tmp_path])}

    unfinished = tmp_path / "home" / "mine.work"
    unfinished.mkdir()
    (unfinished / JOB).write_text(json.dumps(job.identity(asked, "cpu")))

    both = {("prepared data", job.data), ("adapter", adapter), ("unfinished training", unfinished)}
    assert made("ab12") == both
    assert made("other") == both
    assert made("third") == set()


@pytest.mark.parametrize("side", ["train", "validation"])
def test_sides_that_were_edited_are_refused(job, side):
    path = job.data / f"{side}.jsonl"
    path.write_text(path.read_text() + '{"comment": "one more", "reply": "by hand"}\n')
    with pytest.raises(PreparedDataError, match=rf"{side}\.jsonl was changed since it was"):
        train(job, lambda _: None)
    assert not job.out.exists()
    assert not job.work_folder.exists()


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
