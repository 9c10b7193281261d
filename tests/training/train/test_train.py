"""Training from end to end on a tiny model: what comes out, and what does not when it fails."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import torch
from safetensors.torch import load_file

from data.files.output_folder import output_folder
from data.files.output_marker import MARKER
from model.errors import ConfigError
from model.loading.adapters import load_adapter
from model.loading.base import no_progress
from model.loading.manifest import BaseRecord, file_sha256, read_manifest
from model.loading.quantised import check_architecture, load_quantised
from model.text.prompt import PromptRenderer
from tests.fakes.tiny_model import tiny_tokenizer
from training.artifacts.adapter import WEIGHTS, apply_adapter, check_base
from training.artifacts.figures import FIGURES, FigureLog, draw_curve
from training.errors import AdapterError, PreparedDataError, RecipeError
from training.prepare.card import read_card, write_card
from training.prepare.sides import Side
from training.recipe import LINEARS, read_recipe
from training.train.examples import encode, read_side
from training.train.layout import Padded
from training.train.loss import measure
from training.train.train import KIND, train

NOON = datetime(2024, 5, 4, 12, tzinfo=UTC)


def run(job, lines=None):
    return train(job, (lines if lines is not None else []).append, lambda: NOON)


def validation_rows(job, base):
    model, tokenizer = load_quantised(base, compute_dtype=torch.float32, trainable=True)
    rows = encode(read_side(job.data, Side.VALIDATION), PromptRenderer(tokenizer), 512).rows
    return rows, model


def test_the_manifest_says_how_the_adapter_was_made(job, base):
    manifest = run(job)
    assert read_manifest(job.out) == manifest
    assert manifest.base == BaseRecord(id=base.id, hash=base.hash)
    config = check_architecture(base)
    served = load_adapter("any", str(job.out), base, config, no_progress)
    assert manifest.adapter_hash == served.hash, "the hash that answers will have"
    assert manifest.data.sha256 == file_sha256(job.data.parent / "pairs.jsonl")
    assert manifest.data.rows == len(read_side(job.data, Side.TRAIN))
    assert manifest.config["sha256"] == file_sha256(job.config)
    assert manifest.config["prepared_train_sha256"] == file_sha256(job.data / "train.jsonl")
    assert manifest.config["schedule"]["learning_rate"] == 0.01
    assert manifest.created == NOON
    assert manifest.figures["validation_loss"] < manifest.figures["base_validation_loss"]
    assert sorted(path.name for path in job.out.iterdir()) == [
        MARKER, "CARD.md", "adapter_config.json", "adapter_model.safetensors", "figures.jsonl",
        "loss.png", "manifest.json",
    ]  # fmt: skip


def test_rows_that_are_too_long_are_counted_wherever_rows_are(job, monkeypatch):
    lengths = sorted(len(row["input_ids"]) for row in training_rows(job))
    longer = sum(length > lengths[3] for length in lengths)
    overrides = [f"schedule.max_tokens={lengths[3]}", "schedule.too_long=drop"]
    titles = watched_titles(monkeypatch)
    lines: list[str] = []
    manifest = run(replace(job, recipe=read_recipe(job.config, overrides)), lines)
    kept = len(lengths) - longer
    assert 0 < longer < 12
    assert manifest.data.rows == manifest.figures["train_rows"] == kept
    assert manifest.data.rows_left_out == manifest.figures["train_rows_left_out"] == longer
    assert manifest.data.rows_shortened == manifest.figures["train_rows_shortened"] == 0
    whole = manifest.figures["validation_rows"] + manifest.figures["validation_rows_left_out"]
    assert whole == len(read_side(job.data, Side.VALIDATION))
    card = (job.out / "CARD.md").read_text()
    assert f"## Rows, of at most {lengths[3]} tokens each" in card
    assert f"| train | {kept} | 0 | {longer} |" in card
    told = f"{kept} of 12 rows ({longer} left out: more than {lengths[3]} tokens)"
    assert lines[1].startswith(f"{told} to learn from, ")
    assert f"({longer} left out)" in next(line for line in lines if line.startswith("step"))
    assert titles == [f"tiny on tiny: {told}"]
    first = FigureLog(job.out / FIGURES).read()[0]
    assert (first.step, first.rows, first.rows_shortened, first.rows_left_out) == (
        0, kept, 0, longer,
    )  # fmt: skip
    assert manifest.data.learned == f"{kept} rows ({longer} more left out: too long)"


def test_long_rows_are_shortened_unless_the_recipe_says_otherwise(job):
    lengths = sorted(len(row["input_ids"]) for row in training_rows(job))
    overrides = [f"schedule.max_tokens={lengths[-1] - 1}"]
    manifest = run(replace(job, recipe=read_recipe(job.config, overrides)))
    longest = lengths.count(lengths[-1])
    assert manifest.data.rows == 12
    assert (manifest.data.rows_shortened, manifest.data.rows_left_out) == (longest, 0)
    assert manifest.config["schedule"]["too_long"] == "shorten"


def training_rows(job):
    pairs = read_side(job.data, Side.TRAIN)
    return encode(pairs, PromptRenderer(tiny_tokenizer()), 512).rows


def watched_titles(monkeypatch):
    """The titles of all curves that are drawn from now on."""
    titles = []

    def draw(figures, best_step, title):
        titles.append(title)
        return draw_curve(figures, best_step, title)

    monkeypatch.setattr("training.train.train.draw_curve", draw)
    return titles


def test_the_adapter_is_small_and_tells_no_place(job, base):
    run(job)
    weights = load_file(job.out / WEIGHTS)
    assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16}
    config = json.loads((job.out / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == base.id
    assert config["r"] == 4
    assert config["target_modules"] == sorted(LINEARS)  # not a set's order: the same bytes again


def test_whoever_serves_may_read_it(job):
    run(job)
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in job.out.iterdir())


def test_a_saved_adapter_gives_the_same_losses_again(job, base):
    manifest = run(job)
    rows, model = validation_rows(job, base)
    model = apply_adapter(model, job.out)
    tuned = measure(model, rows, Padded(4))
    with model.disable_adapter():
        plain = measure(model, rows, Padded(4))
    assert tuned.per_token == pytest.approx(manifest.figures["validation_loss"], abs=6e-5)
    assert plain.per_token == pytest.approx(manifest.figures["base_validation_loss"], abs=6e-5)


def test_a_saved_adapter_gives_the_same_logits_again(job, base):
    run(job)
    ids = torch.tensor([[5, 6, 7, 8]])
    logits = []
    for _ in range(2):
        model, _ = load_quantised(base, compute_dtype=torch.float32, trainable=True)
        plain = model(ids).logits
        logits.append(apply_adapter(model, job.out).eval()(ids).logits)
        assert not torch.allclose(plain, logits[-1])
    assert torch.equal(*logits)


def test_the_same_seed_gives_the_same_adapter(job):
    first = run(job)
    again = run(replace(job, out=job.out.with_name("again")))
    assert first.adapter_hash == again.adapter_hash


def test_training_stops_early_and_the_best_is_kept(job, write_recipe, base):
    job = replace(job, recipe=read_recipe(write_recipe(rate=0.3, epochs=60, every=1, patience=4)))
    lines: list[str] = []
    manifest = run(job, lines)
    losses = [
        float(m[1]) for line in lines if (m := re.match(r"step.* validation loss ([\d.]+)", line))
    ]
    best = int(manifest.figures["best_step"])
    assert len(losses) == best + 4 == manifest.figures["steps"]  # patience, then the end
    assert losses[best - 1] == min(losses) < losses[-1]
    rows, model = validation_rows(job, base)
    kept = measure(apply_adapter(model, job.out), rows, Padded(4))
    assert kept.per_token == pytest.approx(min(losses), abs=0.02)  # rounded to bfloat16


def test_accumulated_small_batches_are_one_large_batch(job, write_recipe, tmp_path):
    def weights(name, batch, accumulation):
        path = write_recipe(epochs=1, every=1)
        text = path.read_text()
        recipe = tmp_path / f"{name}.toml"
        recipe.write_text(text.replace("batch_size = 4", f"batch_size = {batch}\n"
                                       f"accumulation = {accumulation}"))  # fmt: skip
        run(replace(job, recipe=read_recipe(recipe), out=tmp_path / name))
        return load_file(tmp_path / name / WEIGHTS)

    large, small = weights("large", 4, 1), weights("small", 2, 2)
    for key, tensor in large.items():
        torch.testing.assert_close(tensor.float(), small[key].float(), atol=2e-3, rtol=2e-2)


@pytest.mark.parametrize("failing", ["recipe", "data"])
def test_what_lay_there_before_stays_when_training_fails(job, failing, tmp_path):
    with output_folder(job.out, KIND) as earlier:
        (earlier / "old").write_text("old")
    if failing == "recipe":
        recipe = job.recipe.model_copy(update={"licence": "another"})
        write_card(job.data, read_card(job.data).model_copy(update={"licence": "CC0-1.0"}))
        job = replace(job, recipe=recipe)
    else:
        (job.data / "validation.jsonl").unlink()
    with pytest.raises((RecipeError, PreparedDataError)) as caught:
        run(job)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in job.out.iterdir()) == [MARKER, "old"]
    assert not list(tmp_path.glob(".*partial*"))


def test_an_adapter_that_is_not_there_or_does_not_fit_is_one_clear_line(job, base, tmp_path):
    model, _ = load_quantised(base, compute_dtype=torch.float32, trainable=True)
    with pytest.raises(AdapterError, match=r"holds no adapter_model\.safetensors"):
        apply_adapter(model, tmp_path)
    run(job)
    (job.out / WEIGHTS).write_bytes(b"nonsense")
    with pytest.raises(AdapterError, match="does not fit this base"):
        apply_adapter(model, job.out)


def test_an_adapter_of_another_base_is_refused_with_both_names(job, base):
    run(job)
    other = replace(base, id="another", hash="sha256:00")
    with pytest.raises(AdapterError, match=r"trained on tiny .* not on another"):
        check_base(job.out, other)


def test_a_base_that_does_not_load_is_one_clear_line(job, base, tmp_path):
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"config\.json"):
        run(replace(job, base=replace(base, folder=folder)))
