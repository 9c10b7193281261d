"""QLoRA on a prepared data set: an adapter folder with its manifest, whole or not at all."""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import cast

import torch
from peft import PeftModel
from transformers import PreTrainedTokenizerBase

from model.base import ResolvedBase
from model.loading import load_quantised
from model.manifest import AdapterManifest, BaseRecord, DataRecord, file_sha256, write_manifest
from model.prompt import PromptRenderer
from training.adapter import WEIGHTS, new_adapter, save_adapter
from training.card import Card, read_card
from training.examples import Collator, Row, encode, read_side
from training.folders import new_folder
from training.loss import ReplyLoss, measure
from training.progress import Report
from training.recipe import Recipe, read_recipe
from training.split import Side
from training.trainer import build_trainer

_ROOT = Path(__file__).resolve().parents[1]
# float32 on a CPU, where it is as fast as bfloat16 and rounds less.
_DTYPE = {"cpu": torch.float32, "cuda": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Job:
    """What to train: a resolved base, a prepared folder, a recipe file, and where it shall lie."""

    base: ResolvedBase
    data: Path
    recipe: Path
    out: Path


@dataclass(frozen=True, slots=True)
class Sides:
    """The rows training sees: one side to learn, one to decide when to stop."""

    train: list[Row]
    validation: list[Row]


def train(
    job: Job, report: Report, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> AdapterManifest:
    """Train the adapter with the best validation loss; the test side is not read.

    Raises TrainingError, DatasetError or ModelError, one line each; `job.out` is then untouched.
    """
    recipe, card, began = read_recipe(job.recipe), read_card(job.data), monotonic()
    pairs = {side: read_side(job.data, side) for side in (Side.TRAIN, Side.VALIDATION)}
    report(f"loading {job.base.id} in 4 bits")
    base, tokenizer = load_quantised(job.base, compute_dtype=compute_dtype(), trainable=True)
    renderer, limit = PromptRenderer(tokenizer), recipe.schedule.max_tokens
    sides = Sides(*(encode(pairs[side], renderer, limit) for side in pairs))
    collate, batch = collator(tokenizer), recipe.schedule.batch_size
    model = new_adapter(base, recipe.lora, recipe.seed)
    with new_folder(job.out) as work, tempfile.TemporaryDirectory() as scratch:
        before = measure(model, sides.validation, collate, batch)
        report(f"base: validation loss {before.per_token:.3f}, {len(sides.train)} rows to train on")
        trainer = build_trainer(
            model, recipe, (sides.train, sides.validation), collate, Path(scratch), report
        )
        trainer.train()
        model = cast("PeftModel", trainer.model)
        save_adapter(model, work, job.base.id)
        after = measure(model, sides.validation, collate, batch)
        best = int((trainer.state.best_model_checkpoint or "-0").rsplit("-", 1)[1])
        figures = _figures(sides, (before, after)) | {
            "steps": trainer.state.global_step,
            "best_step": best,
            "seconds": round(monotonic() - began),
            "threads": torch.get_num_threads(),
        }
        manifest = _manifest(job, recipe, card, work, figures, now())
        write_manifest(work, manifest)
    report(f"best at step {best}: validation loss {after.per_token:.3f}; wrote {job.out}")
    return manifest


def compute_dtype() -> torch.dtype:
    """The type training and evaluation compute in on this machine."""
    return _DTYPE["cuda" if torch.cuda.is_available() else "cpu"]


def collator(tokenizer: PreTrainedTokenizerBase) -> Collator:
    """A collator padding with whatever id the tokenizer ends with: padding is masked anyway."""
    pad = tokenizer.pad_token_id
    return Collator(cast("int", tokenizer.eos_token_id if pad is None else pad))


def code_version() -> str:
    """Identifies the code that trains: a hash over this package and the shared renderer."""
    digest = hashlib.sha256()
    paths: Sequence[Path] = sorted(Path(__file__).parent.rglob("*.py"))
    for path in [*paths, _ROOT / "model" / "prompt.py", _ROOT / "model" / "loading.py"]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"sha256:{digest.hexdigest()}"


def _figures(sides: Sides, losses: tuple[ReplyLoss, ReplyLoss]) -> dict[str, float]:
    before, after = losses
    return {
        "train_rows": len(sides.train),
        "validation_rows": len(sides.validation),
        "base_validation_loss": round(before.per_token, 4),
        "validation_loss": round(after.per_token, 4),
        "base_perplexity": round(before.perplexity, 2),
        "perplexity": round(after.perplexity, 2),
    }


def _manifest(
    job: Job, recipe: Recipe, card: Card, work: Path, figures: dict[str, float], now: datetime
) -> AdapterManifest:
    return AdapterManifest(
        name=recipe.name,
        base=BaseRecord(id=job.base.id, hash=job.base.hash),
        adapter_hash=f"sha256:{file_sha256(work / WEIGHTS)}",
        data=DataRecord(
            path=card.source.path,
            sha256=card.source.sha256,
            rows=card.sides[Side.TRAIN].rows,
            licence=recipe.licence,
        ),
        config={
            "sha256": file_sha256(job.recipe),
            "prepared_train_sha256": card.sides[Side.TRAIN].sha256,
            "prepare_seed": card.seed,
            **recipe.model_dump(mode="json"),
        },
        code_version=code_version(),
        figures=figures,
        created=now,
    )
