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
from model.engine.api import AdapterCard
from model.engine.batch import BatchRow
from model.runner.eager import TorchRunner
from model.settings import load_settings
from model.text.codec import ChatTurn
from model.text.prompt import PromptRenderer
from tests.bench.engines import load_demo
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
    demo = load_demo(home, CONTEXT)
    renderer = PromptRenderer(demo.tokenizer)
    rows: list[Sequence[str]] = []
    pairs = read_pairs(Path("data/sample_pairs.jsonl"))[-count:]
    for name, card in (("base", None), ("tuned", demo.adapter)):
        found: list[float] = []
        for kept in (None, torch.float8_e4m3fn):
            chosen = replace(demo.weights, cache_dtype=kept or demo.weights.dtype)
            runner = TorchRunner(chosen, demo.stacks, CONTEXT)
            losses, tokens = 0.0, 0
            for pair in pairs:
                prompt = renderer.encode([ChatTurn("user", pair.comment)])
                reply = demo.tokenizer(pair.reply, add_special_tokens=False).input_ids
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
