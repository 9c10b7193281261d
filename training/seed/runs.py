"""One training and the answers of its adapter, kept in a file so that nothing is done twice."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from data.errors import OutputRefused
from data.files.datasets import PROMPTS, Pair, read_prompts
from data.files.output_folder import check_output, output_folder
from model.loading.base import ResolvedBase, no_progress
from model.loading.manifest import file_sha256
from model.offline import OfflineModel
from training.artifacts.figures import FIGURES, FigureLog
from training.artifacts.progress import Report
from training.errors import NotBetter
from training.evaluate.questions import ask, of_pair, of_prompt
from training.evaluate.result import ReportedSampling
from training.recipe import Recipe
from training.seed.recipes import RecipeName, recipe_of
from training.seed.rows import KIND, divide, write_rows
from training.train.job import Job
from training.train.train import train

RUNS = "runs.json"
GREEDY = ReportedSampling(temperature=0.0, top_p=1.0)
_AT_ONCE = 32  # answers: those to 9 comments and 20 prompts at a time


class Runs(BaseModel):
    """What the runs of a folder are of: the hashes of the source's bytes and of the base."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    base: str


class SeedRun(BaseModel):
    """The outcome of one training.

    `validation` has the losses per reply token before training and after each epoch. `kept` is the
    step whose adapter was kept, 0 where none was better than the base and so the base answered.
    `answers` are greedy answers to the held-out comments, whose real replies are `replies`;
    `answers_to_prompts` are those to the 20 fixed prompts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe: str
    base: str
    rows: int
    seed: int
    validation: tuple[float, ...]
    kept: int
    steps_per_epoch: float
    seconds: float
    replies: tuple[str, ...]
    answers: tuple[str, ...]
    answers_to_prompts: tuple[str, ...]

    @property
    def best(self) -> float:
        """The lowest loss after any epoch."""
        return min(self.validation[1:])

    @property
    def best_epoch(self) -> int:
        """The epoch with that loss, counted from 1."""
        return self.validation[1:].index(self.best) + 1

    @property
    def kept_epoch(self) -> int:
        """The epoch whose adapter was kept."""
        return round(self.kept / self.steps_per_epoch)


@dataclass(frozen=True, slots=True)
class SeedTable:
    """All runs over one base, one source file with its pairs, and one folder of finished runs."""

    base: ResolvedBase
    source: Path
    pairs: Sequence[Pair]
    folder: Path

    def check(self) -> None:
        """Raise OutputRefused when the folder holds what no `seed-table` wrote, or the source.

        Also when its finished runs are of another source or base: they would not be done again.
        """
        check_output(self.folder, KIND, [self.source, self.base.folder])
        path, mine = self.folder / RUNS, self._identity()
        if not path.is_file() and not any(self.folder.glob("*-*.json")):
            return
        found = Runs.model_validate_json(path.read_bytes()) if path.is_file() else None
        if found != mine:
            what = "the source" if found and found.base == mine.base else "the base"
            why = f"runs in which {what} is another" if found else "runs of an older version"
            raise OutputRefused(f"{self.folder} holds {why}: name another folder with --out")

    def _identity(self) -> Runs:
        return Runs(source=file_sha256(self.source), base=self.base.hash)

    def keep(self, name: str, text: str) -> None:
        """Write one file of the folder, in place of an earlier one. Raises OutputRefused."""
        with output_folder(self.folder, KIND, keep=True) as work:
            (work / RUNS).write_text(self._identity().model_dump_json() + "\n", encoding="utf-8")
            (work / name).write_text(text, encoding="utf-8")

    def run(self, name: RecipeName, rows: int, seed: int, report: Report) -> SeedRun:
        """Train on the first `rows` of a random seed's 240 pairs, or read the finished run."""
        finished = self.finished(name, rows, seed)
        if finished is None:
            report(f"{name}, {rows} rows, seed {seed}")
            finished = self.trained(name, rows, seed)
            self.keep_run(name, rows, finished)
        return finished

    def finished(self, name: RecipeName, rows: int, seed: int) -> SeedRun | None:
        """The finished run, or None."""
        path = self.folder / _file_of(name, rows, seed)
        return SeedRun.model_validate_json(path.read_bytes()) if path.is_file() else None

    def keep_run(self, name: RecipeName, rows: int, run: SeedRun) -> None:
        """Write a finished run into the folder. Raises OutputRefused."""
        self.keep(_file_of(name, rows, run.seed), run.model_dump_json(indent=2) + "\n")

    def trained(self, name: RecipeName, rows: int, seed: int) -> SeedRun:
        """Train on the first `rows` of a random seed's 240 pairs, and keep nothing of it."""
        train_rows, held_out = divide(self.pairs, seed)
        self.check()
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder.parent, prefix=".seed-table-") as scratch:
            data, out = Path(scratch) / "data", Path(scratch) / "adapter"
            write_rows(data, self.source, train_rows[:rows], held_out)
            recipe = recipe_of(name, self.base.id, seed)
            return self._train(Job(self.base, data, recipe, out), held_out)

    def _train(self, job: Job, held_out: Sequence[Pair]) -> SeedRun:
        """Train and answer; where no adapter is kept the base answers, and the kept step is 0."""
        try:
            figures = train(job, lambda _: None).figures
        except NotBetter as error:
            return self._record(job.recipe, error.folder, None, error.figures, held_out)
        return self._record(job.recipe, job.out, job.out, figures, held_out)

    def untrained(self, seed: int, report: Report) -> tuple[list[str], list[str]]:
        """The base's own answers to a seed's held-out comments, and to the fixed prompts."""
        path = self.folder / f"base-{seed}.json"
        if not path.is_file():
            report(f"base, seed {seed}")
            self.check()
            self.keep_base(seed, self.base_answers(seed))
        first, second = json.loads(path.read_text(encoding="utf-8"))
        return first, second

    def keep_base(self, seed: int, answers: tuple[list[str], list[str]]) -> None:
        """Write what `base_answers` gave into the folder. Raises OutputRefused."""
        self.keep(f"base-{seed}.json", json.dumps(answers))

    def base_answers(self, seed: int) -> tuple[list[str], list[str]]:
        """The same as `untrained`, made anew."""
        return self._answers(None, divide(self.pairs, seed)[1])

    def _record(
        self,
        recipe: Recipe,
        log: Path,
        adapter: Path | None,
        figures: Mapping[str, float],
        held_out: Sequence[Pair],
    ) -> SeedRun:
        """The run whose file of figures lies in the folder `log`."""
        measured = FigureLog(log / FIGURES).read()
        validated = [figure for figure in measured if figure.validation_loss is not None]
        answers, to_prompts = self._answers(adapter, held_out)
        return SeedRun(
            recipe=recipe.name,
            base=self.base.id,
            rows=int(figures["train_rows"]),
            seed=recipe.seed,
            validation=tuple(figure.validation_loss or 0.0 for figure in validated),
            kept=0 if adapter is None else int(figures["best_step"]),
            steps_per_epoch=validated[-1].step / validated[-1].epoch,
            seconds=figures["seconds"],
            replies=tuple(pair.reply for pair in held_out),
            answers=tuple(answers),
            answers_to_prompts=tuple(to_prompts),
        )

    def _answers(self, adapter: Path | None, rows: Sequence[Pair]) -> tuple[list[str], list[str]]:
        adapters = {"tuned": adapter} if adapter else {}
        model = OfflineModel.open(self.base, adapters, no_progress, max_running=_AT_ONCE)
        held_out = [of_pair(number, pair) for number, pair in enumerate(rows, 1)]
        prompts = [of_prompt(prompt) for prompt in read_prompts(PROMPTS)]
        variant = "tuned" if adapter else "base"
        said = ask(model, variant, [*held_out, *prompts], GREEDY, lambda: None)
        texts = [answer.text.strip() for answer in said]
        return texts[: len(held_out)], texts[len(held_out) :]


def _file_of(name: RecipeName, rows: int, seed: int) -> str:
    return f"{name}-{rows}-{seed}.json"
