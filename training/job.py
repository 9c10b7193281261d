"""What to train, and what of it makes an unfinished training the same one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.base import ResolvedBase
from training.card import Card
from training.recipe import Recipe
from training.split import Side

_FORMAT = 1  # of checkpoints


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

    def identity(self, card: Card, device: str) -> dict[str, Any]:
        """What must not change between a break and going on: flat, named as a person knows it."""
        recipe = self.recipe.model_dump(mode="json", exclude={"licence"})
        flat = {
            f"{section}.{key}" if isinstance(values, dict) else section: value
            for section, values in recipe.items()
            for key, value in (values.items() if isinstance(values, dict) else [("", values)])
        }
        return flat | {
            "base": self.base.hash,
            "training data": card.sides[Side.TRAIN].sha256,
            "validation data": card.sides[Side.VALIDATION].sha256,
            "device": device,  # the optimisers of CPU and GPU do not understand each other
            "checkpoint format": _FORMAT,
        }
