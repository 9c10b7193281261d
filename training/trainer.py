"""transformers' Trainer with this project's loss and validation."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import EarlyStoppingCallback, PrinterCallback, Trainer, TrainingArguments

from training.examples import Batch, Collator, Row
from training.loss import measure, reply_tokens, summed_loss
from training.progress import ProgressLines, Report
from training.recipe import Recipe


class ReplyTrainer(Trainer):
    """Trains and validates on the mean loss per reply token, whatever the batches look like."""

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor | Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:  # noqa: ANN401 - the Trainer's own signature
        """The batch's summed loss, over all reply tokens of the optimiser's step."""
        batch = cast("Batch", inputs)
        items = reply_tokens(batch) if num_items_in_batch is None else num_items_in_batch
        return summed_loss(model, batch) / items

    def evaluate(
        self,
        eval_dataset: object = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """The mean validation loss per reply token, reported like the Trainer's own."""
        rows = cast("Sequence[Row]", eval_dataset or self.eval_dataset)
        collate = cast("Collator", self.data_collator)
        loss = measure(cast("nn.Module", self.model), rows, collate, self.args.eval_batch_size)
        metrics = {f"{metric_key_prefix}_loss": loss.per_token}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics


def build_trainer(
    model: PeftModel,
    recipe: Recipe,
    sides: tuple[Sequence[Row], Sequence[Row]],
    collate: Collator,
    work: Path,
    report: Report,
) -> ReplyTrainer:
    """A Trainer for the recipe over (training, validation) rows; checkpoints go under `work`."""
    train, validation = sides
    schedule = recipe.schedule
    batches = math.ceil(len(train) / (schedule.batch_size * schedule.accumulation))
    arguments = TrainingArguments(
        output_dir=str(work),
        num_train_epochs=schedule.epochs,
        per_device_train_batch_size=schedule.batch_size,
        per_device_eval_batch_size=schedule.batch_size,
        gradient_accumulation_steps=schedule.accumulation,
        learning_rate=schedule.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=math.ceil(schedule.warmup * schedule.epochs * batches),
        weight_decay=schedule.weight_decay,
        max_grad_norm=schedule.max_grad_norm,
        train_sampling_strategy="group_by_length",
        eval_strategy="steps",
        eval_steps=recipe.stopping.every,
        save_strategy="steps",
        save_steps=recipe.stopping.every,
        save_only_model=True,
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        logging_steps=10,
        seed=recipe.seed,
        data_seed=recipe.seed,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=False,
        remove_unused_columns=False,
        report_to="none",
        disable_tqdm=True,
        log_level="error",
    )
    trainer = ReplyTrainer(
        model=cast("Any", model),
        args=arguments,
        data_collator=cast("Any", collate),
        train_dataset=cast("Any", train),
        eval_dataset=cast("Any", validation),
        callbacks=[
            EarlyStoppingCallback(early_stopping_patience=recipe.stopping.patience),
            ProgressLines(report),
        ],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer
