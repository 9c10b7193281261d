"""QLoRA on a prepared data set: an adapter folder with its manifest, whole or not at all."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

import torch
from peft import PeftModel

from model.loading.manifest import AdapterManifest, read_manifest, write_manifest
from model.text.prompt import PromptRenderer
from training.artifacts.adapter import WEIGHTS, new_adapter, round_adapter, save_adapter
from training.artifacts.curve import CURVE, draw_curve
from training.artifacts.figures import FIGURES, FigureLog
from training.artifacts.folders import new_folder, remove_partial
from training.artifacts.progress import Lines, Progress, Report
from training.prepare.card import Card, check_permission, read_card
from training.prepare.sides import Side
from training.train.checkpoint import Checkpoints, Standing
from training.train.dense import load_to_learn
from training.train.examples import encode, read_side, side_file
from training.train.job import Job
from training.train.loss import ReplyLoss
from training.train.memory import (
    memory_advice,
    peak_mib,
    switch_checkpointing_on,
    use_checkpointing,
)
from training.train.precision import compute_dtype
from training.train.processes import new_accelerator
from training.train.record import licence_of, manifest_of
from training.train.trainer import Sides, Trainer


def train(
    job: Job,
    report: Report,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    progress: Progress | None = None,
) -> AdapterManifest:
    """Train the adapter with the best validation loss; the test side is not read.

    Goes on where the same job was broken off. `progress` is told every few steps, `report` what
    else happens, and both when there is no `progress`. Under `accelerate launch` only the main
    process speaks and writes. Raises TrainingError, DatasetError or ModelError, one line each;
    `job.out` is then untouched.
    """
    card = read_card(job.data)
    check_permission(job.data, card)
    licence_of(job.recipe, card)
    pairs = {side: read_side(job.data, side) for side in (Side.TRAIN, Side.VALIDATION)}
    accelerator = new_accelerator(compute_dtype(job.recipe.schedule.precision))
    work = Checkpoints(job.work_folder)
    if accelerator.is_main_process:
        work.open(job.identity(card, accelerator.device.type), fresh=job.fresh)
    else:
        report = _say_nothing
    accelerator.wait_for_everyone()
    try:
        with memory_advice(job.recipe):
            report(f"loading {job.base.id} in 4 bits")
            model, renderer = _load(job, accelerator.device)
            limit = job.recipe.schedule.max_tokens
            files = {side: side_file(job.data, side) for side in pairs}
            sides = Sides(*(encode(pairs[side], renderer, limit, files[side]) for side in pairs))
            report(f"{len(sides.train)} rows to learn from, {len(sides.validation)} to validate on")
            tell = (report, progress or Lines(report))
            trainer = Trainer(model, job.recipe, sides, accelerator, work, tell)
            standing = trainer.run()
            round_adapter(model)
            after = trainer.measure()
        if accelerator.is_main_process:
            figures = _figures(sides, standing, after) | {
                "memory_mib": round(peak_mib(accelerator.device)),
                "processes": accelerator.num_processes,
            }
            _write(job, card, model, work, figures, now())
    except KeyboardInterrupt:
        if work.begun:
            report(f"the same command goes on from the last checkpoint in {work.folder}")
        raise
    finally:
        work.close()
    accelerator.wait_for_everyone()
    accelerator.end_training()
    best = f"best at step {standing.best_step}: validation loss {after.per_token:.3f}"
    report(f"{best}; wrote {job.out}")
    return cast("AdapterManifest", read_manifest(job.out))


def _load(job: Job, device: torch.device) -> tuple[PeftModel, PromptRenderer]:
    schedule = job.recipe.schedule
    dtype = compute_dtype(schedule.precision)
    base, tokenizer = load_to_learn(job.base, dtype, device)
    if use_checkpointing(base, schedule, dtype, device):
        switch_checkpointing_on(base, job.recipe.lora.dropout)
    model = new_adapter(base, job.recipe.lora, job.recipe.seed)
    return model, PromptRenderer(tokenizer, job.recipe.date)


def _figures(sides: Sides, standing: Standing, after: ReplyLoss) -> dict[str, float]:
    before = ReplyLoss(standing.base_loss, 1)
    return {
        "train_rows": len(sides.train),
        "validation_rows": len(sides.validation),
        "base_validation_loss": round(before.per_token, 4),
        "validation_loss": round(after.per_token, 4),
        "base_perplexity": round(before.perplexity, 2),
        "perplexity": round(after.perplexity, 2),
        "steps": standing.step,
        "best_step": standing.best_step,
        "tokens": standing.tokens,
        "seconds": round(standing.seconds),
        "threads": torch.get_num_threads(),
    }


def _write(
    job: Job,
    card: Card,
    model: PeftModel,
    work: Checkpoints,
    figures: dict[str, float],
    now: datetime,
) -> None:
    """The adapter's folder, whole; the work folder is no longer needed then."""
    log = FigureLog(work.folder / FIGURES)
    title = f"{job.recipe.name} on {job.base.id}"
    remove_partial(job.out)
    with new_folder(job.out) as folder:
        save_adapter(model, folder, job.base.id)
        shutil.copyfile(log.path, folder / FIGURES)
        curve = draw_curve(log.read(), round(figures["best_step"]), title)
        (folder / CURVE).write_bytes(curve)
        write_manifest(folder, manifest_of(job, card, folder / WEIGHTS, figures, now))
    work.remove()


def _say_nothing(_: str) -> None:
    """For every process but the main one."""
