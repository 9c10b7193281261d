"""Packed against padded rows on the CPU: the demo model, LoRA on all linears, our own pairs."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional as F

from data.files.datasets import PAIRS, read_pairs
from model.loading.base import resolve_base
from model.loading.quantised import load_quantised
from model.text.prompt import PromptRenderer
from tests.bench.table import markdown
from training.artifacts.adapter import new_adapter
from training.recipe import Lora
from training.train.dense import unpack
from training.train.examples import IGNORED, TokenizedExample, encode
from training.train.layout import Batch, Layout, Packed, Padded
from training.train.loss import ReplyLossModule

FULL, PAIRS_USED, ROUNDS = 512, 24, 3


@dataclass(frozen=True)
class PaddedTo:
    """A layout that pads every example to `width` tokens, as many trainers do."""

    batch_size: int
    width: int

    def batches(self, examples: Sequence[TokenizedExample]) -> list[Batch]:
        """Batches of neighbours, in the order of the examples."""
        return [self._widen(batch) for batch in Padded(self.batch_size).batches(examples)]

    def _widen(self, batch: Batch) -> Batch:
        more = (0, self.width - batch.input_ids.shape[1])
        ids, positions = F.pad(batch.input_ids, more), F.pad(batch.position_ids, more)
        return Batch(ids, F.pad(batch.labels, more, value=IGNORED), positions, batch.lengths)


def real_tokens(batch: Batch) -> int:
    """How many of a batch's tokens are not padding."""
    return sum(map(sum, batch.lengths))


LAYOUTS: dict[str, Layout] = {
    "padded to 512": PaddedTo(4, FULL),
    "padded to the longest of 4": Padded(4),
    "padded to the longest of 8": Padded(8),
    "packed into 1 x 1,024": Packed(1024),
    "packed into 1 x 2,048": Packed(2048),
}


def measure(home: Path) -> str:
    """A table of real tokens a second, the layouts one after the other in every round."""
    base = resolve_base("demo", home, lambda _stage, _share: None)
    lines: list[list[str]] = []
    for weights in ("4 bits", "unpacked once"):
        model, tokenizer = load_quantised(base, compute_dtype=torch.float32, trainable=True)
        if weights != "4 bits":
            unpack(model, torch.float32)
        module = ReplyLossModule(new_adapter(model, Lora(), seed=0).train())
        rows = encode(read_pairs(PAIRS), PromptRenderer(tokenizer), FULL).rows[:PAIRS_USED]
        _speed(module, Packed(1024), rows[:8])  # warm-up
        rounds = [{name: _speed(module, of, rows) for name, of in LAYOUTS.items()}
                  for _ in range(ROUNDS)]  # fmt: skip
        for name in LAYOUTS:
            speed = statistics.median(found[name] for found in rounds)
            ratio = statistics.median(f[name] / f["padded to 512"] for f in rounds)
            lines.append([weights, name, f"{speed:.0f}", f"{ratio:.1f}"])
    return markdown(("weights", "rows", "real tokens/s", "to padded to 512"), lines)


def _speed(module: ReplyLossModule, layout: Layout, rows: list[TokenizedExample]) -> float:
    begun, tokens = time.perf_counter(), 0
    for batch in layout.batches(rows):
        module(batch).backward()
        tokens += real_tokens(batch)
    module.zero_grad()
    return tokens / (time.perf_counter() - begun)
