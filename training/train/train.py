"""A whole training: from a prepared data set to an adapter folder with its manifest."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

import torch
from accelerate import Accelerator
from peft import PeftModel

from data.files.datasets import Pair
from data.files.output_folder import check_output, output_folder
from model.loading.adapters import load_adapter
from model.loading.base import no_progress
from model.loading.manifest import AdapterManifest, read_manifest, write_manifest
from model.loading.quantised import check_architecture
from model.text.prompt import PromptRenderer
from training.artifacts.adapter import new_adapter, round_adapter, save_adapter
from training.artifacts.card import write_adapter_card
from training.artifacts.figures import (
    AFTER,
    BEFORE,
    CURVE,
    FIGURES,
    FigureLog,
    draw_curve,
    is_better,
)
from training.artifacts.progress import ProgressLines, Report, TrainingProgress
from training.errors import NotBetter
from training.prepare.card import Card, check_permission, check_sides, read_card
from training.prepare.sides import Side
from training.train.checkpoint import Checkpoints, TrainState
from training.train.dense import load_to_learn
from training.train.device import compute_dtype, new_accelerator
from training.train.examples import EncodedSide, encode, read_side, side_file
from training.train.gradient_step import fused_is_used
from training.train.job import Job, licence_of
from training.train.loss import ReplyLoss
from training.train.memory import (
    memory_advice,
    peak_mib,
    switch_checkpointing_on,
    use_checkpointing,
)
from training.train.trainer import Sides, Trainer

KIND = "python -m training train"


def train(
    job: Job,
    report: Report,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    progress: TrainingProgress | None = None,
) -> AdapterManifest:
    """Train an adapter by QLoRA and write it to `job.out`; gives the manifest written there.

    The adapter is the one with the best validation loss; the test side is not read. Where none is
    better than what the training began with, NotBetter is raised; the figures and the curve stay
    in the work folder. An unfinished training of the same job is continued.

    `report` gets a line for what happens, `progress` a moment every few steps (without one,
    `report` gets those as lines too). Under `accelerate launch` only the main process reports and
    writes. Raises TrainingError, DataError or ModelError, each with one line; `job.out` is then as
    it was. OutputRefused comes at once when `job.out` holds what `train` did not write, or
    something that it reads, or its checkpoints.
    """
    check_output(job.out, KIND, job.inputs())
    card = read_card(job.data)
    check_permission(job.data, card)
    licence_of(job.recipe, card)
    pairs = {side: read_side(job.data, side) for side in (Side.TRAIN, Side.VALIDATION)}
    check_sides(job.data, card, pairs)
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
            model, renderer = _load(job, accelerator)
            sides = Sides(*(_encode(job, side, pairs[side], renderer) for side in pairs))
            report(f"{sides.train} to learn from, {sides.validation} to validate on")
            tell = (report, progress or ProgressLines(report))
            trainer = Trainer(model, job.recipe, sides, accelerator, work, tell)
            state = trainer.run()
            round_adapter(model)
            after = trainer.measure()
        figures = _figures(sides, state, after) | {
            "memory_mib": round(peak_mib(accelerator.device)),
            "processes": accelerator.num_processes,
        }
        better = is_better(figures)
        if accelerator.is_main_process and better:
            _write(job, card, sides.train, model, work, figures, now())
        elif accelerator.is_main_process:
            _leave_figures(job, sides.train, work)
    except KeyboardInterrupt:
        if work.begun:
            report(f"the same command goes on from the last checkpoint in {work.folder}")
        raise
    finally:
        work.close()
    accelerator.wait_for_everyone()
    accelerator.end_training()
    if not better:
        raise _not_better(job, state, after, figures)
    best = f"best at step {state.best_step}: validation loss {after.per_token:.3f}"
    report(f"{best}; wrote {job.out}")
    return cast("AdapterManifest", read_manifest(job.out))


def _load(job: Job, accelerator: Accelerator) -> tuple[PeftModel, PromptRenderer]:
    recipe, device = job.recipe, accelerator.device
    dtype = compute_dtype(recipe.schedule.precision)
    base, tokenizer = load_to_learn(job.base, dtype, device)
    model = new_adapter(base, recipe.lora, recipe.seed)
    fused = fused_is_used(model, accelerator, recipe)
    if use_checkpointing(base.config, recipe.schedule, dtype, device, fused=fused):
        switch_checkpointing_on(base, recipe.lora.dropout)
    return model, PromptRenderer(tokenizer, recipe.date)


def _encode(job: Job, side: Side, pairs: Sequence[Pair], renderer: PromptRenderer) -> EncodedSide:
    schedule = job.recipe.schedule
    file = side_file(job.data, side)
    return encode(pairs, renderer, schedule.max_tokens, file, schedule.too_long)


def _figures(sides: Sides, state: TrainState, after: ReplyLoss) -> dict[str, float]:
    before = ReplyLoss(state.base_loss, 1)
    return {
        "train_rows": len(sides.train.rows),
        "train_rows_shortened": sides.train.shortened,
        "train_rows_left_out": sides.train.left_out,
        "validation_rows": len(sides.validation.rows),
        "validation_rows_shortened": sides.validation.shortened,
        "validation_rows_left_out": sides.validation.left_out,
        BEFORE: round(before.per_token, 4),
        AFTER: round(after.per_token, 4),
        "base_perplexity": round(before.perplexity, 2),
        "perplexity": round(after.perplexity, 2),
        "steps": state.step,
        "best_step": state.best_step,
        "tokens": state.tokens,
        "seconds": round(state.seconds),
        "threads": torch.get_num_threads(),
    }


def _write(
    job: Job,
    card: Card,
    learned: EncodedSide,
    model: PeftModel,
    work: Checkpoints,
    figures: dict[str, float],
    now: datetime,
) -> None:
    """Write the adapter's folder as a whole, and remove the work folder."""
    log = FigureLog(work.folder / FIGURES)
    with output_folder(job.out, KIND, job.inputs()) as folder:
        save_adapter(model, folder, job.base.id)
        shutil.copyfile(log.path, folder / FIGURES)
        curve = draw_curve(log.read(), round(figures["best_step"]), _title(job, learned))
        (folder / CURVE).write_bytes(curve)
        base_config = check_architecture(job.base)
        served = load_adapter(job.recipe.name, str(folder), job.base, base_config, no_progress)
        manifest = job.manifest(card, learned, served.hash, figures, now)
        write_manifest(folder, manifest)
        write_adapter_card(folder, manifest)
    work.remove()


def _leave_figures(job: Job, learned: EncodedSide, work: Checkpoints) -> None:
    """Keep the figures and their curve in the work folder, and nothing else."""
    figures = FigureLog(work.folder / FIGURES).read()
    curve = draw_curve(figures, None, f"{_title(job, learned)}, nothing kept")
    (work.folder / CURVE).write_bytes(curve)
    work.leave_figures()


def _title(job: Job, learned: EncodedSide) -> str:
    return f"{job.recipe.name} on {job.base.id}: {learned}"


def _not_better(
    job: Job, state: TrainState, after: ReplyLoss, figures: Mapping[str, float]
) -> NotBetter:
    # A gain may be so small that it is lost when the adapter's weights are rounded.
    best = after.per_token if state.best_step else state.trained_loss
    rate = f"schedule.learning_rate (now {job.recipe.schedule.learning_rate:g})"
    harmed = round(best, 4) > round(state.base_loss, 4)
    advice = f"lower {rate}, or give it more data" if harmed else f"raise {rate} or schedule.epochs"
    return NotBetter(
        f"no adapter is kept: the validation loss was {state.base_loss:.4f} before training and "
        f"{best:.4f} at best after it ({FIGURES} and {CURVE} are in {job.work_folder}): {advice}",
        figures,
        job.work_folder,
    )


def _say_nothing(_: str) -> None:
    """The report of every process but the main one."""
