"""The manifest of a trained adapter: what it was made of, by what code, and how well it went."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from model.loading.manifest import AdapterManifest, BaseRecord, DataRecord, file_sha256
from training.errors import RecipeError
from training.prepare.card import Card
from training.prepare.sides import Side
from training.recipe import Recipe
from training.train.job import Job

_ROOT = Path(__file__).resolve().parents[2]
_REVISION = "revision:"
UNKNOWN = "unknown"


def licence_of(recipe: Recipe, card: Card) -> str:
    """The data's licence as its card says, or else the recipe, or `unknown`.

    RecipeError when both say something else: one of them is about other data.
    """
    told = card.licence
    if recipe.licence and told and recipe.licence != told:
        raise RecipeError(
            f"licence: the recipe says {recipe.licence!r}, the card of the data {told!r}: leave it "
            "out of the recipe, or prepare the data again with the right one"
        )
    return told or recipe.licence or UNKNOWN


def manifest_of(
    job: Job, card: Card, weights: Path, figures: Mapping[str, float], now: datetime
) -> AdapterManifest:
    """The manifest of an adapter whose weights are in the file `weights`."""
    recipe, base = job.recipe, job.base
    revision = base.hash.removeprefix(_REVISION) if base.hash.startswith(_REVISION) else None
    return AdapterManifest(
        name=recipe.name,
        base=BaseRecord(id=base.id, hash=base.hash, revision=revision),
        adapter_hash=f"sha256:{file_sha256(weights)}",
        data=DataRecord(
            path=card.source.path,
            sha256=card.source.sha256,
            rows=card.sides[Side.TRAIN].rows,
            licence=licence_of(recipe, card),
            consent=card.consent,
            discord_permission=card.permission,
            exports=card.exports,
        ),
        config={
            "sha256": None if job.config is None else file_sha256(job.config),
            "prepared_train_sha256": card.sides[Side.TRAIN].sha256,
            "prepare_seed": card.seed,
            **recipe.model_dump(mode="json"),
        },
        code_version=code_version(),
        figures=dict(figures),
        created=now,
    )


def code_version() -> str:
    """Identifies the code that trains: a hash over this package and what it shares with serving."""
    digest = hashlib.sha256()
    paths = sorted((_ROOT / "training").rglob("*.py"))
    shared = ("model/text/prompt.py", "model/text/template.py", "model/loading/quantised.py")
    for path in [*paths, *(_ROOT / name for name in shared)]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"sha256:{digest.hexdigest()}"
