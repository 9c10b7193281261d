"""Variants of our recipe for a few hundred pairs, and what one training of one of them measures."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from model.loading.base import ResolvedBase
from training.artifacts.figures import FIGURES, FigureLog
from training.errors import Diverged, NotBetter
from training.prepare.prepare import PrepareOptions, prepare
from training.prepare.sides import Shares
from training.recipe import Recipe
from training.seed.figures import Spread
from training.seed.recipes import RecipeName, recipe_of
from training.seed.rows import divide, read_seed, write_rows
from training.train.job import Job
from training.train.train import train

PLAIN = "plain"
SAMPLE_PAIRS = Path(__file__).parents[2] / "data" / "sample_pairs.jsonl"
# Section, key and value of what differs from our recipe, whose rate is 5e-4; the most telling
# first. rsLoRA multiplies r16's scale by 4 and LoRA+ the rate of B, so both get lower rates too.
VARIANTS: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    PLAIN: {},
    "rsLoRA": {"lora": {"rslora": True}},
    "LoRA+ 4, rate 2.5e-4": {"schedule": {"rate_of_b": 4, "learning_rate": 2.5e-4}},
    "NEFTune 5": {"schedule": {"noise": 5}},
    "DoRA": {"lora": {"dora": True}},
    "plain, rate 1e-3": {"schedule": {"learning_rate": 1e-3}},
    "rsLoRA, rate 2e-4": {"lora": {"rslora": True}, "schedule": {"learning_rate": 2e-4}},
    "LoRA+ 16, rate 1.25e-4": {"schedule": {"rate_of_b": 16, "learning_rate": 1.25e-4}},
    "LoRA+ 4": {"schedule": {"rate_of_b": 4}},
    "NEFTune 1": {"schedule": {"noise": 1}},
}
# About 300 of the sample pairs to learn from and as many to validate on.
_SHARES = Shares(validation=0.34, test=0.33)


class VariantRun(BaseModel):
    """The losses per reply token before training and after each epoch; none where it diverged."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    variant: str
    data: str
    seed: int
    rows: int
    validation_rows: int
    validation: tuple[float, ...]
    seconds: float

    @property
    def best(self) -> float:
        """The lowest loss after any epoch, without end where training diverged."""
        return min(self.validation[1:], default=float("inf"))


def sample_pairs(folder: Path, seed: int) -> None:
    """Prepare the project's own pairs, divided by a seed."""
    prepare(SAMPLE_PAIRS, folder, PrepareOptions(seed=seed, shares=_SHARES))


def seed_rows(csv: Path) -> Callable[[Path, int], None]:
    """Prepare the seed's rows, divided by a seed as in its table."""
    pairs = read_seed(csv)
    return lambda folder, seed: write_rows(folder, csv, *divide(pairs, seed))


def run_variant(
    variant: str, data: str, seed: int, base: ResolvedBase, make: Callable[[Path, int], None]
) -> VariantRun:
    """Train a variant on the data that `make` prepares."""
    plain = recipe_of(RecipeName.OURS, base.id, seed).model_dump()
    changes = VARIANTS[variant]
    changed = {key: plain[key] | dict(values) for key, values in changes.items()}
    recipe = Recipe.model_validate(plain | changed)
    with tempfile.TemporaryDirectory() as scratch:
        job = Job(base, Path(scratch) / "data", recipe, Path(scratch) / "adapter")
        make(job.data, seed)
        losses, figures = _measured(job)
    return VariantRun(
        variant=variant,
        data=data,
        seed=seed,
        rows=round(figures.get("train_rows", 0)),
        validation_rows=round(figures.get("validation_rows", 0)),
        validation=losses,
        seconds=figures.get("seconds", 0),
    )


def _measured(job: Job) -> tuple[tuple[float, ...], Mapping[str, float]]:
    log = job.out
    try:
        figures: Mapping[str, float] = train(job, lambda _: None).figures
    except NotBetter as error:
        figures, log = error.figures, error.folder
    except Diverged:
        return (), {}
    measured = FigureLog(log / FIGURES).read()
    return tuple(f.validation_loss for f in measured if f.validation_loss is not None), figures


def rows_of_table(runs: Sequence[VariantRun], data: str) -> list[list[str]]:
    """Each variant's loss, and its difference to the plain recipe's with the same seeds."""
    found: dict[str, dict[int, VariantRun]] = {}
    for run in runs:
        if run.data == data:
            found.setdefault(run.variant, {})[run.seed] = run
    plain = found.get(PLAIN, {})
    rows: list[list[str]] = []
    for variant in VARIANTS:
        by_seed = found.get(variant, {})
        shared = sorted(by_seed.keys() & plain.keys())
        if not shared:
            continue
        gaps = [by_seed[seed].best - plain[seed].best for seed in shared]
        rows.append(
            [
                variant,
                Spread.of([by_seed[seed].best for seed in shared]).shown(3),
                "" if variant == PLAIN else Spread.of(gaps).shown(3),
                "" if variant == PLAIN else f"{sum(gap < 0 for gap in gaps)} of {len(gaps)}",
                f"{sum(by_seed[seed].seconds for seed in shared) / len(shared):.0f}",
            ]
        )
    return rows
