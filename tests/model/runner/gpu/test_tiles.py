"""Layouts: every number lies where the kernels look for it, and nothing is lost on the way."""

import pytest
import torch
from torch import Tensor

from model.runner.gpu.low_rank import low_rank
from model.runner.gpu.matrix import paired_order, rotary_order
from model.runner.gpu.tiles import Tiles, from_operand_x, operand_a, operand_x, tile
from model.runner.lora import LoraPart, LoraStack
from tests.model.runner.gpu.kernel_reference import untile

CODE = torch.linspace(-1, 1, 16)


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e6])
def test_a_tiled_matrix_is_the_matrix(size: float) -> None:
    torch.manual_seed(0)
    codes = torch.randint(0, 16, (48, 128), dtype=torch.uint8)
    scales = (torch.rand(48, 2) + 0.1) * size
    matrix = tile(codes, scales, CODE, torch.randperm(48))
    dense = CODE[codes.int()] * scales.repeat_interleave(64, dim=1)
    assert (matrix.outputs, matrix.inputs) == (48, 128)
    # Scales are float16 of their own unit, whatever their size.
    torch.testing.assert_close(untile(matrix), dense, rtol=6e-4, atol=0)


def test_a_matrix_of_zeros_is_tiled() -> None:
    codes = torch.randint(0, 16, (16, 64), dtype=torch.uint8)
    matrix = tile(codes, torch.zeros(16, 1), CODE, torch.arange(16))
    assert not untile(matrix).any()


def test_operand_a_has_its_pairs_where_mma_takes_them() -> None:
    matrix = torch.arange(32 * 48).view(32, 48).remainder(251).bfloat16()
    operand = operand_a(matrix)
    assert operand.shape == (2, 3, 32, 8)
    for tile_, step, lane, at in ((0, 0, 0, 0), (1, 2, 31, 7), (0, 1, 13, 2), (1, 0, 6, 5)):
        g, q, word = lane // 4, lane % 4, at // 2
        row = tile_ * 16 + g + (word & 1) * 8
        k = step * 16 + q * 2 + (word >> 1) * 8 + at % 2
        assert operand[tile_, step, lane, at] == matrix[row, k]


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (8, 1), (11, 2), (64, 8)])
def test_operand_x_is_read_back_and_filled_with_zeros(rows: int, columns: int) -> None:
    x = torch.randn(rows, 192).bfloat16()
    operand = operand_x(x, columns)
    back = from_operand_x(operand)
    assert torch.equal(back[:rows], x)
    assert back.shape == (columns * 8, 192)
    assert not back[rows:].any()


def test_operand_x_has_its_words_as_fragments_cuh_says() -> None:
    x = torch.arange(16 * 128).view(16, 128).remainder(251).bfloat16()
    operand = operand_x(x, 2)
    for m, k in ((0, 0), (15, 127), (9, 70), (3, 41), (12, 64)):
        step, word, lane = k % 64 // 16, k % 16 // 8, m % 8 * 4 + k % 8 // 2
        at = (step & 1) * 4 + word * 2 + k % 2
        assert operand[k // 64, m // 8, step >> 1, lane, at] == x[m, k]


@pytest.mark.parametrize("head_dim", [64, 128])
def test_a_tile_of_queries_holds_what_is_rotated_together(head_dim: int) -> None:
    order = rotary_order(3, head_dim).view(-1, 2, 8)
    assert torch.equal(order.flatten().sort().values, torch.arange(3 * head_dim))
    assert torch.equal(order[:, 0] + head_dim // 2, order[:, 1])
    for number, part in enumerate(order):  # kernels/nf4_product.cu: head and first dim of a tile
        head, first = divmod(number, head_dim // 16)
        assert part[0, 0] == head * head_dim + first * 8


def test_a_tile_of_gates_holds_the_ups_beside_them() -> None:
    order = paired_order(40).view(-1, 2, 8)
    assert torch.equal(order[:, 0].flatten(), torch.arange(40))
    assert torch.equal(order[:, 0] + 40, order[:, 1])


def part(inputs: int, outs: list[int], rank: int) -> LoraPart:
    """Random weights of one adapter, block-diagonal as `LoraAdapters` makes them."""
    a = torch.randn(inputs, len(outs), rank).bfloat16()
    b = torch.zeros(len(outs), rank, sum(outs)).bfloat16()
    for j, out in enumerate(outs):
        b[j, :, sum(outs[:j]) : sum(outs[: j + 1])] = torch.randn(rank, out)
    return LoraPart(a, b)


def matrix_of(outs: list[int], order: Tensor) -> Tiles:
    codes = torch.zeros(sum(outs), 64, dtype=torch.uint8)
    return tile(codes, torch.ones(sum(outs), 1), CODE, order)


@pytest.mark.parametrize(
    ("outs", "order"),
    [
        ([128, 64, 64], rotary_order(4, 64)),
        ([64, 64], paired_order(64)),
        ([80], torch.arange(80)),
    ],
    ids=["q k v", "gate and up", "o"],
)
@pytest.mark.parametrize("ranks", [(8,), (4, 16), (17, 0, 33)])
def test_steps_of_ranks_add_up_to_each_adapter(
    outs: list[int], order: Tensor, ranks: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    parts = [part(64, outs, rank) if rank else None for rank in ranks]
    matrix = matrix_of(outs, order)
    low = low_rank(LoraStack(parts), len(ranks), matrix, outs)
    x = torch.randn(3, 64)
    a = plain_a(low.a)  # (steps · 16, inputs)
    b = plain_a(low.b)  # (outputs by place, steps · 16)
    for adapter, held in enumerate(parts):
        products = (x @ a.t()).view(3, low.steps, 16) * (low.owner == adapter)[None, :, None]
        y = torch.zeros(3, sum(outs))
        for number, (first, end) in enumerate(low.ranges.tolist()):
            mine = slice(number * 16, number * 16 + 16)
            ours = products[:, first:end].flatten(1) @ b[mine, first * 16 : end * 16].t()
            y[:, order[mine]] = ours
        whole = torch.zeros_like(y)
        if held is not None:
            whole = (x @ held.a.float().flatten(1)) @ held.b.float().flatten(0, 1)
        torch.testing.assert_close(y, whole, rtol=1e-4, atol=1e-3)


def plain_a(operand: Tensor) -> Tensor:
    """What `operand_a` made, as (rows, inputs) again."""
    tiles, steps = operand.shape[:2]
    parts = operand.float().view(tiles, steps, 8, 4, 2, 2, 2)  # g q word-high word-low pair
    return parts.permute(0, 5, 2, 1, 4, 3, 6).reshape(tiles * 16, steps * 16)


def test_gates_and_ups_share_tiles_so_these_read_the_ranks_of_both() -> None:
    outs = [64, 64]
    stack = LoraStack([part(64, outs, 8)])
    shared = low_rank(stack, 1, matrix_of(outs, paired_order(64)), outs)
    assert shared.ranges.tolist() == [[0, 2]] * 8
    apart = low_rank(stack, 1, matrix_of(outs, torch.arange(128)), outs)
    assert apart.ranges.tolist() == [[0, 1]] * 4 + [[1, 2]] * 4
