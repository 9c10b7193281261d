"""What keys and values in one byte cost: perplexity of the sample's replies, base and tuned.

`python -m tests.bench.cache_dtype --pairs 100` reads each reply a token at a time, as an answer is
decoded, so that all its attention goes through the cache.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from data.files.datasets import read_pairs
from model.assembly import stack_adapters
from model.engine.api import AdapterCard
from model.engine.batch import BatchRow
from model.loading.adapter_sources import SHIPPED_ADAPTER
from model.loading.adapters import load_adapter
from model.loading.base import no_progress, resolve_base
from model.loading.quantised import check_architecture, load_quantised
from model.runner.eager import TorchRunner
from model.runner.weights import best_compute, loading_dtype, take_weights
from model.settings import load_settings
from model.text.codec import ChatTurn
from model.text.prompt import PromptRenderer
from tests.bench.table import markdown

CONTEXT = 1024


def loss(
    runner: TorchRunner, card: AdapterCard | None, prompt: list[int], reply: list[int]
) -> float:
    """The sum over the reply's tokens of −log p, in nats."""
    total = 0.0
    ids, position = prompt, 0
    for token in reply:
        row = BatchRow("row", card, ids, position, 0, samples=True)
        total -= float(runner.forward([row])[0].log_softmax(-1)[token])
        position += len(ids)
        ids = [token]
    return total


def perplexities(home: Path, count: int) -> list[Sequence[str]]:
    """Rows of the table: variant, perplexity with either cache, and the cost."""
    base = resolve_base("demo", home, no_progress)
    config = check_architecture(base)
    adapter = load_adapter("tuned", str(SHIPPED_ADAPTER), base, config, no_progress)
    compute = best_compute(torch.device("cpu"))
    dtype = loading_dtype(compute, torch.device("cpu"))
    model, tokenizer = load_quantised(base, compute_dtype=dtype, trainable=False)
    weights = take_weights(model, compute, CONTEXT)
    stacks = stack_adapters([adapter], config, weights)
    renderer = PromptRenderer(tokenizer)
    rows: list[Sequence[str]] = []
    pairs = read_pairs(Path("data/sample_pairs.jsonl"))[-count:]
    for name, card in (("base", None), ("tuned", adapter.card)):
        found: list[float] = []
        for kept in (None, torch.float8_e4m3fn):
            chosen = replace(weights, cache_dtype=kept or weights.dtype)
            runner = TorchRunner(chosen, stacks, CONTEXT)
            losses, tokens = 0.0, 0
            for pair in pairs:
                prompt = renderer.encode([ChatTurn("user", pair.comment)])
                reply = tokenizer(pair.reply, add_special_tokens=False).input_ids
                losses += loss(runner, card, list(prompt), reply)
                tokens += len(reply)
            found.append(math.exp(losses / tokens))
        whole, one_byte = found
        rows.append([name, f"{whole:.3f}", f"{one_byte:.3f}", f"{one_byte / whole - 1:+.2%}"])
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=100, help="pairs to read")
    options = parser.parse_args()
    rows = perplexities(Path(load_settings().fungpt_home), options.pairs)
    print(markdown(("variant", "as computed", "fp8", "cost"), rows))


if __name__ == "__main__":
    main()
