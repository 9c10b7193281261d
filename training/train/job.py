"""What to train, and what of it makes an unfinished training the same one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.loading.base import ResolvedBase
from training.prepare.card import Card
from training.prepare.sides import Side
from training.recipe import Recipe

_FORMAT = 1  # of checkpoints
_FREE = {
    "schedule.batch_size", "schedule.accumulation", "schedule.layout", "schedule.row_tokens",
    "schedule.checkpointing", "stopping.save_every",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Job:
    """A resolved base, a prepared folder, a recipe, and where the adapter shall lie.

    `config` is the file that the recipe was read from, if any, `work` where an unfinished training
    lies (beside `out` by default); `fresh` throws that away first.
    """

    base: ResolvedBase
    data: Path
    recipe: Recipe
    out: Path
    config: Path | None = None
    work: Path | None = None
    fresh: bool = False

    @property
    def work_folder(self) -> Path:
        """Where checkpoints lie until the adapter is made."""
        return self.work or self.out.with_name(f"{self.out.name}.work")

    def inputs(self) -> list[Path]:
        """What must not lie in `out`: the files and folders that are read, and the checkpoints."""
        config = [self.config] if self.config else []
        return [self.base.folder, self.data, *config, self.work_folder]

    def identity(self, card: Card, device: str) -> dict[str, Any]:
        """What must not change between a break and going on: flat, named as a person knows it.

        What only changes speed and memory may, so that a training that ran out of memory can go on
        with less.
        """
        recipe = self.recipe.model_dump(mode="json", exclude={"licence"})
        flat: dict[str, Any] = {}
        for section, values in recipe.items():
            if isinstance(values, dict):
                flat |= {f"{section}.{key}": value for key, value in values.items()}
            else:
                flat[section] = values
        schedule = self.recipe.schedule
        return {key: value for key, value in flat.items() if key not in _FREE} | {
            "number of examples a step": schedule.batch_size * schedule.accumulation,
            "base": self.base.hash,
            "training data": card.sides[Side.TRAIN].sha256,
            "validation data": card.sides[Side.VALIDATION].sha256,
            "device": device,  # the optimisers of CPU and GPU do not understand each other
            "checkpoint format": _FORMAT,
        }
