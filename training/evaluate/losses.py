"""The loss of base and adapters on replies that they were not trained on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from peft import PeftModel
from transformers import PreTrainedModel

from model.loading.base import ResolvedBase
from model.text.prompt import PromptRenderer
from training.artifacts.adapter import apply_adapter, check_base
from training.prepare.sides import Side
from training.recipe import DATE
from training.train.dense import load_to_learn
from training.train.device import compute_dtype
from training.train.examples import TokenizedExample, encode, read_side, side_file
from training.train.layout import Padded
from training.train.loss import ReplyLoss, measure

_MAX_TOKENS = 2048
_BATCH = 8


@dataclass(frozen=True, slots=True)
class SideLosses:
    """The loss of the base and of an adapter on one side, with the same 4-bit weights.

    `left_out` counts the rows that are longer than 2,048 tokens and were not measured.
    """

    side: Side
    rows: int
    left_out: int
    base: ReplyLoss
    tuned: ReplyLoss

    def lines(self) -> list[str]:
        """The losses as lines for a terminal."""
        head = f"{self.side}: {self.rows} rows, {self.base.tokens} reply tokens"
        if self.left_out:
            head += f"; {self.left_out} more rows left out as too long"
        return [head] + [
            f"  {name:<6} loss {loss.per_token:.4f}  perplexity {loss.perplexity:.2f}"
            for name, loss in (("base", self.base), ("tuned", self.tuned))
        ]


def losses(base: ResolvedBase, adapter: Path, data: Path, side: Side) -> SideLosses:
    """Measure base and adapter on one side of a prepared folder.

    Raises TrainingError, DatasetError or ModelError, one line each.
    """
    check_base(adapter, base)
    pairs = read_side(data, side)
    loaded, tokenizer = load_to_learn(base, compute_dtype())
    file = side_file(data, side)
    found = encode(pairs, PromptRenderer(tokenizer, DATE), _MAX_TOKENS, file, too_long="drop")
    model = apply_adapter(loaded, adapter)
    layout = Padded(_BATCH)
    with model.disable_adapter():
        plain = measure(model, found.rows, layout)
    tuned = measure(model, found.rows, layout)
    return SideLosses(side, len(found.rows), found.left_out, plain, tuned)


def losses_by_row(
    model: PreTrainedModel,
    adapters: Mapping[str, Path | None],
    rows: Sequence[TokenizedExample],
    on_row: Callable[[str, int], None],
) -> dict[str, NDArray[np.float64]]:
    """For each variant the loss in nats and the tokens of every row, shape (rows, 2).

    `adapters` gives the folder of each variant's adapter, None for the base alone. `on_row` is
    given the variant and how many of its rows are done. Each adapter is taken off the model again.
    """
    found: dict[str, NDArray[np.float64]] = {}
    for name, folder in adapters.items():
        adapted = model if folder is None else apply_adapter(model, folder)
        values: list[tuple[float, float]] = []
        for done, row in enumerate(rows, 1):
            loss = measure(adapted, [row], Padded(1))
            values.append((loss.total, loss.tokens))
            on_row(name, done)
        found[name] = np.array(values)
        if isinstance(adapted, PeftModel):
            model = cast("PreTrainedModel", adapted.unload())
    return found
