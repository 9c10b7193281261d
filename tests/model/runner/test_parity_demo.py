"""The same on the demo model and its adapter; and what the packed kernel's rounding changes."""

import pytest
import torch
from bitsandbytes.functional import has_avx512bf16

from data.files.datasets import read_prompts
from model.engine.batch import BatchRow
from model.loading.adapter_sources import SHIPPED_ADAPTER
from model.loading.base import resolve_base
from model.runner.eager import TorchRunner
from model.runner.weights import Compute
from model.text.codec import ChatTurn
from model.text.prompt import PromptRenderer
from tests.model.runner.parity import Pair, greedy, make_pair, run

# Kernels that dequantise every matrix in every step are slow, the slower on a busy machine.
pytestmark = [pytest.mark.demo, pytest.mark.timeout(900)]

TOKENS = 64
PROMPTS = SHIPPED_ADAPTER.parents[1] / "prompts.jsonl"


@pytest.fixture(scope="module")
def base(demo_home):
    return resolve_base("demo", demo_home, lambda *_: None)


@pytest.fixture(scope="module")
def exact(base) -> Pair:
    return make_pair(base, {"tuned": SHIPPED_ADAPTER}, compute=Compute.NF4)


def questions(pair: Pair, count: int) -> list[list[int]]:
    renderer = PromptRenderer(pair.tokenizer)
    texts = [prompt.prompt for prompt in read_prompts(PROMPTS)[:count]]
    return [renderer.encode([ChatTurn("user", text)]) for text in texts]


def test_each_variant_alone_and_mixed(exact):
    first, second, third = questions(exact, 3)
    rows = [
        greedy("0", first, "base", TOKENS),
        greedy("1", second, "tuned", TOKENS),
        greedy("2", third, "tuned", 40),
        greedy("3", first, "tuned", TOKENS),
    ]
    mixed = run(exact.engine, {0: rows[:2], 9: rows[2:3], 50: rows[3:]})
    for row in rows:
        expected = exact.generate(row.input_ids, row.variant, row.params.max_tokens)
        assert mixed[row.id] == expected, f"row {row.id} ({row.variant}) in the mixed batch"
    alone = {row.id: run(exact.engine, {0: [row]})[row.id] for row in rows[:2]}
    assert alone == {row.id: mixed[row.id] for row in rows[:2]}


@pytest.mark.skipif(not has_avx512bf16(), reason="the packed kernel needs avx512_bf16")
def test_the_packed_kernel_differs_only_where_two_logits_lie_within_rounding(base, capsys):
    """Its rounding depends on the batch's shape, so a close call may go the other way."""
    packed = make_pair(
        base, {"tuned": SHIPPED_ADAPTER}, compute=Compute.PACKED, dtype=torch.bfloat16
    )
    rows = [
        greedy(str(i), ids, ("base", "tuned")[i % 2], TOKENS)
        for i, ids in enumerate(questions(packed, 8))
    ]
    together = run(packed.engine, {0: rows})
    differing = 0
    for row in rows:
        alone = run(packed.engine, {0: [row]})[row.id]
        where = first_difference(alone, together[row.id])
        if where is None:
            continue
        differing += 1
        rounding, gap = closeness(packed, row, alone, where)
        with capsys.disabled():
            print(
                f"\n  row {row.id}, token {where}: gap {gap:.4f}, rounding {rounding:.4f}", end=""
            )
        assert gap <= 2 * rounding
    with capsys.disabled():
        print(f"\n  {differing} of {len(rows)} rows differ between alone and together ", end="")


def first_difference(left: list[int], right: list[int]) -> int | None:
    """The first index where two answers part, None where they are the same."""
    if left == right:
        return None
    shorter = min(len(left), len(right))
    return next((i for i in range(shorter) if left[i] != right[i]), shorter)


def closeness(pair: Pair, row, alone, where: int) -> tuple[float, float]:
    """How much the shape of the batch moves the logits there, and how far the two best are apart.

    The same prefix is computed twice: token by token and in one piece.
    """
    prefix = [*row.input_ids, *alone[:where]]
    runner = TorchRunner(pair.weights, pair.stacks, cache_tokens=512)
    adapter = {card.name: card for card in pair.stacks.cards}.get(row.variant)

    def logits(pieces: list[int]) -> torch.Tensor:
        position, out = 0, torch.empty(0)
        for count in pieces:
            ids = prefix[position : position + count]
            part = BatchRow("x", adapter, ids, position, 0, samples=True)
            out, position = runner.forward([part])[0], position + count
        return out

    one_by_one = logits([1] * len(prefix))
    in_one_piece = logits([len(prefix)])
    two = one_by_one.topk(2).values
    rounding = float((one_by_one - in_one_piece).abs().max())
    return rounding, float(two[0] - two[1])
