"""What int8 costs on the demo model: the perplexity of sample replies beside NF4 in float32."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import data
from model.assembly import stack_adapters
from model.engine.api import AdapterCard
from model.engine.batch import BatchRow
from model.loading.adapter_sources import SHIPPED_ADAPTER
from model.loading.adapters import load_adapter
from model.loading.base import no_progress, resolve_base
from model.loading.quantised import check_architecture, load_quantised
from model.runner.cpu.runner import PackedRunner
from model.runner.cpu.weights import packed_matrices, take_packed
from model.runner.eager import TorchRunner
from model.runner.weights import Compute, take_weights
from model.text.codec import ChatTurn
from model.text.prompt import PromptRenderer

pytestmark = [pytest.mark.demo, pytest.mark.timeout(900)]

PAIRS = 72
SLOTS = 512
ROWS = 8
Pair = tuple[list[int], list[int]]  # prompt and reply
Runner = PackedRunner | TorchRunner


def pieces(pair: Pair, card: AdapterCard | None, row: int) -> Iterator[tuple[BatchRow, int]]:
    """The prompt, then the reply token by token; each with the token that should follow."""
    prompt, reply = pair
    at, ids = 0, prompt
    for token in reply:
        yield BatchRow(str(row), card, ids, at, row * SLOTS, samples=True), token
        at, ids = at + len(ids), [token]


def perplexity(runner: Runner, pairs: list[Pair], card: AdapterCard | None) -> float:
    """Of all reply tokens, decoded in batches."""
    losses: list[float] = []
    for first in range(0, len(pairs), ROWS):
        rows = [pieces(pair, card, i) for i, pair in enumerate(pairs[first : first + ROWS])]
        while step := [piece for row in rows if (piece := next(row, None)) is not None]:
            logits = runner.forward([piece for piece, _ in step]).log_softmax(-1)
            losses += [-float(logits[i, token]) for i, (_, token) in enumerate(step)]
    return math.exp(sum(losses) / len(losses))


def test_perplexity_is_within_one_percent_of_nf4_in_float32(demo_home, capsys):
    base = resolve_base("demo", demo_home, no_progress)
    config = check_architecture(base)
    adapter = load_adapter("tuned", str(SHIPPED_ADAPTER), base, config, no_progress)
    model, tokenizer = load_quantised(base, compute_dtype=torch.bfloat16, trainable=False)
    weights = take_packed(model, SLOTS)
    matrices, stacks = packed_matrices(weights), stack_adapters([adapter], config, weights)
    assert matrices is not None
    packed = PackedRunner(weights, matrices, stacks, ROWS * SLOTS)
    model, tokenizer = load_quantised(base, compute_dtype=torch.float32, trainable=False)
    exact = take_weights(model, Compute.FLOAT32, SLOTS)
    plain = TorchRunner(exact, stack_adapters([adapter], config, exact), ROWS * SLOTS)
    renderer = PromptRenderer(tokenizer)
    lines = (Path(data.__file__).parent / "sample_pairs.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines[:: len(lines) // PAIRS]]
    pairs = [
        (
            renderer.encode([ChatTurn("user", row["comment"])]),
            [*tokenizer.encode(row["reply"], add_special_tokens=False), tokenizer.eos_token_id],
        )
        for row in rows
    ]
    for card in (None, adapter.card):
        got, wanted = (perplexity(runner, pairs, card) for runner in (packed, plain))
        with capsys.disabled():
            name = card.name if card else "base"
            print(f"\n  {name}: perplexity {got:.2f}, in float32 {wanted:.2f} ", end="")
        assert got < 1.01 * wanted
