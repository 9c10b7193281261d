"""The compiled step beside torch over the same weights and roundings, and beside itself."""

from pathlib import Path

import pytest
import torch

from model.engine.batch import BatchRow
from tests.model.runner.cpu.conftest import Twins, make_twins, prompt, row

# Keys, values and adapters are in float16. That moves activations between two of int8's levels, and
# random weights make much of it: up to 0.04 was seen. A wrong matrix gives more than 0.3.
_ROUNDING = 0.06


def batch(twins: Twins, lengths: list[int], seed: int) -> list[BatchRow]:
    """Rows of these lengths that use the base and the adapters in turn."""
    cards = (None, *twins.cards)
    return [
        row(str(i), cards[i % len(cards)], prompt(length, seed + i), 64 * i)
        for i, length in enumerate(lengths)
    ]


def distance(got: torch.Tensor, wanted: torch.Tensor) -> float:
    """The largest error of a row, as a share of the row's norm."""
    return float(((got - wanted).norm(dim=1) / wanted.norm(dim=1)).max())


def check(twins: Twins, seed: int) -> None:
    """Prompts, then two steps of decoding, all of them beside torch."""
    lengths = [5, 1, 33, 17, 2, 9, 40, 3, 8]
    rows = batch(twins, lengths[: 512 // 64], seed)
    with torch.no_grad():
        twins.packed._buffers.cache.fill_(torch.nan)
    for step in range(3):
        got, wanted = twins.packed.forward(rows), twins.plain.forward(rows)
        assert got.shape == wanted.shape
        assert distance(got, wanted) < _ROUNDING, f"step {step}"
        rows = [
            BatchRow(
                r.id, r.adapter, [7 + step], r.position + len(r.input_ids), r.cache_start, True
            )
            for r in rows
        ]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_logits_are_torchs_within_rounding(twins, seed):
    check(twins, 100 * seed)


@pytest.mark.parametrize(
    ("family", "sizes"),
    [
        ("llama", {"attention_bias": True, "mlp_bias": True}),
        ("qwen", {}),
        ("mistral", {"hidden_size": 128, "num_attention_heads": 2, "num_key_value_heads": 1}),
        ("llama", {"head_dim": 32, "num_attention_heads": 4, "num_key_value_heads": 4}),
        ("llama", {"hidden_size": 192, "num_attention_heads": 6, "head_dim": 64}),
        ("llama", {"head_dim": 128, "intermediate_size": 320}),
    ],
)
def test_other_shapes_and_biases(tmp_path, family, sizes):
    check(make_twins(tmp_path / "tiny", {"tuned": 8}, family, **sizes), 5)


def test_neighbours_change_no_bit(twins):
    rows = batch(twins, [5, 1, 33, 17, 2, 9, 40], 40)
    together = twins.packed.forward(rows)
    for i, one in enumerate(rows):
        assert torch.equal(twins.packed.forward([one])[0], together[i]), i
    for count in range(1, len(rows)):
        assert torch.equal(twins.packed.forward(rows[:count]), together[:count]), count
    assert torch.equal(twins.packed.forward(rows[::-1]), together.flip(0))


@pytest.mark.parametrize("pieces", [[37], [1] * 37, [16, 16, 5], [3, 30, 4]])
def test_a_prompts_pieces_change_no_bit(twins, pieces):
    ids, card = prompt(37, 9), twins.cards[0]
    (wanted,) = twins.packed.forward([row("a", card, ids, 0)])
    at, got = 0, torch.empty(0)
    for count in pieces:
        beside = row("b", twins.cards[1], prompt(4, at), 128)
        rows = [beside, row("a", card, ids[at : at + count], 64, at)]
        got, at = twins.packed.forward(rows)[1], at + count
    assert torch.equal(got, wanted)


def test_a_row_that_does_not_sample_gets_no_logits(twins):
    rows = batch(twins, [5, 6, 7], 60)
    silent = BatchRow("s", None, prompt(4, 1), 0, 400, samples=False)
    assert twins.packed.forward([silent]).shape == (0, twins.packed._weights.vocab_size)
    mixed = twins.packed.forward([rows[0], silent, rows[1]])
    assert torch.equal(mixed, twins.packed.forward(rows)[:2])


def test_threads_change_no_bit(twins):
    rows = batch(twins, [5, 1, 33], 80)
    wanted, threads = twins.packed.forward(rows), torch.get_num_threads()
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            other = make_runner_again(twins)
            assert torch.equal(other.forward(rows), wanted), count
    finally:
        torch.set_num_threads(threads)


def make_runner_again(twins: Twins):
    """A runner of its own over the same weights, for the threads that there are now."""
    packed = twins.packed
    matrices = list(packed._buffers._matrices)
    return type(packed)(packed._weights, matrices, twins.stacks, 512)


def test_adapters_come_and_go(tmp_path: Path):
    twins = make_twins(tmp_path / "tiny", {"tuned": 8, "wide": 16})
    tuned, wide = twins.cards
    ids = prompt(6, 2)
    before = twins.packed.forward([row("a", tuned, ids, 0), row("b", wide, ids, 64)])
    parts = [[stack and stack.part(1) for stack in layer] for layer in twins.stacks.stacks]
    copied = [
        [part and type(part)(part.a.clone(), part.b.clone()) for part in layer] for layer in parts
    ]
    twins.packed.remove_adapter(wide)
    assert torch.equal(twins.packed.forward([row("a", tuned, ids, 0)])[0], before[0])
    twins.packed.remove_adapter(tuned)
    twins.stacks.add(wide, copied)
    assert torch.equal(twins.packed.forward([row("b", wide, ids, 64)])[0], before[1])


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_row_whose_numbers_are_not_finite_changes_no_bit_beside_it(twins, bad):
    rows = batch(twins, [5, 1, 33, 17], 90)
    wanted = twins.packed.forward(rows)
    embedding = twins.packed._weights.embedding
    kept = embedding[250].clone()
    embedding[250] = bad
    try:
        poisoned = row("p", twins.cards[0], [9, 250, 11], 400)
        got = twins.packed.forward([rows[0], poisoned, *rows[1:]])
    finally:
        embedding[250] = kept
    assert torch.equal(torch.cat([got[:1], got[2:]]), wanted)
    assert not got[1].isfinite().any()
    again = row("q", None, prompt(6, 4), 400)  # over what the poisoned row has left in the cache
    (clean,) = twins.packed.forward([row("q", None, prompt(6, 4), 64)])
    assert torch.equal(twins.packed.forward([again])[0], clean)
