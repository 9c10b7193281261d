"""One training job: what it trains, what identifies it, and what its adapter's manifest records."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from model.loading.base import ResolvedBase
from model.loading.manifest import AdapterManifest, BaseRecord, DataRecord, file_sha256
from training.errors import RecipeError
from training.prepare.card import Card
from training.prepare.sides import Side
from training.recipe import Recipe
from training.train.examples import EncodedSide

UNKNOWN = "unknown"
_CHECKPOINT_FORMAT = 2
_ROOT = Path(__file__).resolve().parents[2]
_REVISION = "revision:"
# What decides, besides the data, which ids a conversation becomes. The hash of a base that is a
# folder covers its weights alone.
_TOKENIZER = ("*token*.json", "tokenizer.model", "*.jinja", "additional_chat_templates/*.jinja")
# These change speed and memory, not what is learned, so they may change between a break and going
# on: a training that ran out of memory can go on with less.
_MAY_CHANGE = {
    "schedule.batch_size", "schedule.accumulation", "schedule.layout", "schedule.row_tokens",
    "schedule.checkpointing", "stopping.save_every",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Job:
    """A base model, a prepared data folder, a recipe, and the folder for the adapter.

    `config` is the file that the recipe was read from, if any. `work` is where checkpoints lie
    until the adapter is made; by default a folder beside `out`. `fresh` throws away an unfinished
    training that lies there.
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
        """What must be the same for a checkpoint to be continued: names and JSON values.

        `card` is that of the prepared data, `device` the type of device (`cpu` or `cuda`).
        """
        recipe = self.recipe.model_dump(mode="json", exclude={"licence"})
        flat: dict[str, Any] = {}
        for section, values in recipe.items():
            if isinstance(values, dict):
                flat |= {f"{section}.{key}": value for key, value in values.items()}
            else:
                flat[section] = values
        schedule = self.recipe.schedule
        return {key: value for key, value in flat.items() if key not in _MAY_CHANGE} | {
            "number of examples a step": schedule.batch_size * schedule.accumulation,
            "base": self.base.hash,
            "tokenizer": _files_hash(self.base.folder),
            "training data": card.sides[Side.TRAIN].sha256,
            "validation data": card.sides[Side.VALIDATION].sha256,
            "device": device,  # the optimisers of CPU and GPU cannot read each other's state
            "checkpoint format": _CHECKPOINT_FORMAT,
            # So that the checkpoint is found when somebody in an export is forgotten.
            **({"exports": list(card.exports)} if card.exports else {}),
        }

    def manifest(
        self,
        card: Card,
        learned: EncodedSide,
        adapter_hash: str,
        figures: Mapping[str, float],
        now: datetime,
    ) -> AdapterManifest:
        """The manifest for this job's adapter; `adapter_hash` is the one that it is served with.

        `card` is that of the prepared data, `learned` its training side as it was learned from.
        """
        base, train = self.base, card.sides[Side.TRAIN]
        revision = base.hash.removeprefix(_REVISION) if base.hash.startswith(_REVISION) else None
        return AdapterManifest(
            name=self.recipe.name,
            base=BaseRecord(id=base.id, hash=base.hash, revision=revision),
            adapter_hash=adapter_hash,
            data=DataRecord(
                path=card.source.path,
                sha256=card.source.sha256,
                rows=len(learned.rows),
                licence=licence_of(self.recipe, card),
                consent=card.consent,
                discord_permission=card.permission,
                exports=card.exports,
                rows_shortened=learned.shortened,
                rows_left_out=learned.left_out,
            ),
            config={
                "sha256": None if self.config is None else file_sha256(self.config),
                "prepared_train_sha256": train.sha256,
                "prepare_seed": card.seed,
                **self.recipe.model_dump(mode="json"),
            },
            code_version=code_version(),
            figures=dict(figures),
            created=now,
        )


def licence_of(recipe: Recipe, card: Card) -> str:
    """The data's licence as its card or else the recipe says it, or `unknown`.

    Raises RecipeError when both name one and they differ: one of them is about other data.
    """
    told = card.licence
    if recipe.licence and told and recipe.licence != told:
        raise RecipeError(
            f"licence: the recipe says {recipe.licence!r}, the card of the data {told!r}: leave it "
            "out of the recipe, or prepare the data again with the right one"
        )
    return told or recipe.licence or UNKNOWN


def code_version() -> str:
    """A hash over the code that decides what is learned: `training` and what serving shares."""
    digest = hashlib.sha256()
    paths = sorted((_ROOT / "training").rglob("*.py"))
    shared = ("model/text/prompt.py", "model/text/template.py", "model/loading/quantised.py")
    for path in [*paths, *(_ROOT / name for name in shared)]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"sha256:{digest.hexdigest()}"


def _files_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _TOKENIZER for path in folder.glob(pattern)}):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}:{len(content)}:".encode() + content)
    return f"sha256:{digest.hexdigest()}"
