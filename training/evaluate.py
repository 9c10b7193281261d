"""How well base and adapter predict replies they were not trained on."""

from dataclasses import dataclass
from pathlib import Path

from model.base import ResolvedBase
from model.loading import load_quantised
from model.prompt import PromptRenderer
from training.adapter import apply_adapter, check_base
from training.examples import encode, read_side
from training.loss import ReplyLoss, measure
from training.split import Side
from training.train import collator, compute_dtype

_MAX_TOKENS = 2048
_BATCH = 8


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One side's loss, by base and by adapter, on the same 4-bit weights."""

    side: Side
    rows: int
    base: ReplyLoss
    tuned: ReplyLoss

    def lines(self) -> list[str]:
        """A small table for a terminal."""
        head = f"{self.side}: {self.rows} rows, {self.base.tokens} reply tokens"
        return [head] + [
            f"  {name:<6} loss {loss.per_token:.4f}  perplexity {loss.perplexity:.2f}"
            for name, loss in (("base", self.base), ("tuned", self.tuned))
        ]


def evaluate(base: ResolvedBase, adapter: Path, data: Path, side: Side) -> Evaluation:
    """Measure base and adapter on one side of a prepared folder.

    Raises TrainingError, DatasetError or ModelError, one line each.
    """
    check_base(adapter, base)
    pairs = read_side(data, side)
    loaded, tokenizer = load_quantised(base, compute_dtype=compute_dtype(), trainable=True)
    rows = encode(pairs, PromptRenderer(tokenizer), _MAX_TOKENS)
    collate = collator(tokenizer)
    model = apply_adapter(loaded, adapter)
    with model.disable_adapter():
        plain = measure(model, rows, collate, _BATCH)
    return Evaluation(side, len(rows), plain, measure(model, rows, collate, _BATCH))
