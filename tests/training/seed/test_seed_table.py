"""The seed's table: its rows, both recipes, what is kept and what is printed."""

import csv
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import OutputRefused
from training.__main__ import main
from training.artifacts.figures import FIGURES, Figure, FigureLog
from training.errors import NotBetter, PreparationError
from training.seed import recipes, runs
from training.seed.figures import Spread, seed_measures
from training.seed.recipes import RecipeName, recipe_of
from training.seed.rows import TRAINED, divide, read_seed

SEED_FILE = Path(
    os.environ.get("SEED_CSV", Path(__file__).parents[4] / "shared/data/reddit-comments.csv")
)


def write_csv(path: Path, rows: int) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Comment", "Response"])
        for number in range(rows):
            writer.writerow([f"what about number {number}", f"{number} is fine\\nand round"])
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "comments.csv", 250)


def test_rows_are_divided_anew_for_every_seed_and_nothing_is_on_two_sides(source):
    pairs = read_seed(source)
    assert pairs[3].reply == "3 is fine\nand round"
    train, held_out = divide(pairs, 0)
    assert (len(train), len(held_out)) == (TRAINED, 10)
    assert not {p.comment for p in train} & {p.comment for p in held_out}
    assert divide(pairs, 0) == (train, held_out)
    assert divide(pairs, 1)[1] != held_out


def test_a_text_that_stands_twice_is_never_held_out(source):
    pairs = read_seed(source)
    doubled = [*pairs[:200], *pairs[:49]]
    train, held_out = divide(doubled, 0)
    assert len(train) == TRAINED
    assert not {p.reply for p in train} & {p.reply for p in held_out}


def test_too_few_rows_are_one_clear_line(tmp_path):
    pairs = read_seed(write_csv(tmp_path / "few.csv", 243))
    with pytest.raises(PreparationError, match="243 pairs leave 3 to hold out beside 240"):
        divide(pairs, 0)


def test_the_seeds_recipe_is_the_seeds():
    recipe = recipe_of(RecipeName.SEED, "demo", 3)
    assert (recipe.lora.r, recipe.lora.alpha, recipe.lora.dropout) == (8, 32, 0.05)
    assert recipe.lora.targets == ("q_proj",)
    schedule = recipe.schedule
    assert (schedule.learning_rate, schedule.epochs, schedule.warmup_steps) == (2e-4, 10, 2)
    assert (schedule.batch_size, schedule.accumulation) == (4, 4)


def test_the_table_has_both_recipes_beside_the_seeds_figures(
    source, base, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(recipes, "SEED_EPOCHS", 2)
    monkeypatch.setattr(recipes, "OUR_EPOCHS", 1)
    monkeypatch.setattr(runs, "GREEDY", runs.GREEDY.model_copy(update={"max_tokens": 8}))
    out = tmp_path / "out"
    call = ["seed-table", str(source), "--base", str(base.folder), "--out", str(out),
            "--seeds", "1", "--sizes", "30"]  # fmt: skip
    assert main(call) == 0
    printed = capsys.readouterr().out
    assert "| 1 | 3.883 | " in printed
    assert "| ROUGE-1 recall | 0.3694 | " in printed
    assert "| 30 | " in printed
    assert (out / "table.md").read_text(encoding="utf-8") == printed
    theirs, ours = (json.loads((out / f"{n}-240-0.json").read_text()) for n in ("seed", "ours"))
    assert (len(theirs["validation"]), len(ours["validation"])) == (3, 2)
    run = runs.SeedRun.model_validate(theirs)
    assert run.kept_epoch == run.best_epoch
    assert run.best == min(theirs["validation"][1:])

    def again(*_: object) -> None:
        raise AssertionError("what is done is not done twice")

    monkeypatch.setattr(runs, "train", again)
    assert main(call) == 0
    assert capsys.readouterr().out == printed


def test_where_no_adapter_is_kept_the_base_answers(source, base, tmp_path, monkeypatch):
    def train(job, report):
        job.work_folder.mkdir()
        FigureLog(job.work_folder / FIGURES).add(
            Figure(step=step, epoch=step / 2, validation_loss=4.0 + step) for step in (0, 2, 4)
        )
        measured = {"train_rows": 30, "best_step": 4, "seconds": 1}
        raise NotBetter("no adapter is kept", measured, job.work_folder)

    monkeypatch.setattr(runs, "train", train)
    monkeypatch.setattr(runs, "GREEDY", runs.GREEDY.model_copy(update={"max_tokens": 8}))
    table = runs.SeedTable(base, source, read_seed(source), tmp_path / "out")
    run = table.run(RecipeName.OURS, 30, 0, lambda _: None)
    assert (run.kept, run.kept_epoch, run.best_epoch) == (0, 0, 1)
    assert run.validation == (4.0, 6.0, 8.0)
    assert (list(run.answers), list(run.answers_to_prompts)) == table.untrained(0, lambda _: None)


def test_runs_of_another_source_or_base_are_not_taken_for_these(source, base, tmp_path):
    table = runs.SeedTable(base, source, [], tmp_path / "out")
    table.check()
    table.keep("ours-30-0.json", "{}")
    table.check()
    other = write_csv(tmp_path / "other.csv", 251)
    with pytest.raises(OutputRefused, match="holds runs in which the source is another"):
        replace(table, source=other).check()
    with pytest.raises(OutputRefused, match="holds runs in which the base is another"):
        replace(table, base=replace(base, hash="sha256:0")).check()
    (table.folder / runs.RUNS).unlink()
    with pytest.raises(OutputRefused, match="runs of an older version"):
        table.check()


def test_bad_sizes_are_one_clear_line(source, capsys):
    assert main(["seed-table", str(source), "--sizes", "30,500"]) == 1
    assert "--sizes are numbers from 1 to 240" in capsys.readouterr().err


def test_spreads():
    assert Spread.of([1.0, 2.0, 3.0]).shown(1) == "2.0 ± 1.0"
    assert Spread.of([1.5]).shown(2) == "1.50"
    assert seed_measures()["rougeLsum_f1"] == 0.0793


@pytest.mark.skipif(not SEED_FILE.is_file(), reason="the seed's own file is not here")
def test_the_seeds_own_file_can_be_read():
    train, held_out = divide(read_seed(SEED_FILE), 0)
    assert len(train) == TRAINED
    assert len(held_out) >= 5
