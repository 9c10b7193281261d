"""Each kernel alone, on fresh random numbers, with outputs that are NaN before."""

# pyright: reportCallIssue=false
# numba's own types are those of the functions before they are compiled.

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import Linear

from model.runner.cpu.compiled import compiled_step
from model.runner.cpu.isa import instructions, offset
from model.runner.cpu.packing import BLOCK, TILE, PackedMatrix, pack
from tests.model.runner.cpu.test_packing import dense, quantised


@pytest.fixture(scope="module", autouse=True)
def _settings_of_the_compiler() -> None:
    compiled_step()


def compiled(function: Callable[..., None]) -> Callable[..., None]:
    from numba import njit

    return njit(function)


def quantise(x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Rows of activations as the compiled step writes them."""
    from model.runner.cpu.tokens import quantise as kernel

    rows, size = x.shape
    out = {
        "codes": torch.full((rows, size), 99, dtype=torch.int8),
        "scales": torch.full((rows, size // BLOCK), math.nan),
        "starts": torch.full((rows, size // BLOCK), 99, dtype=torch.int32),
    }
    for row in range(rows):
        addresses = [tensor[row].data_ptr() for tensor in out.values()]
        kernel(x[row].data_ptr(), size, *addresses, offset(instructions()))
    return out


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("rows", [1, 2, 4, 8])
def test_a_tile_times_rows_is_the_slow_product(bits, rows):
    from model.runner.cpu.product import tile_product

    kernel: Any = tile_product(rows, bits)
    run = compiled(lambda a, b, c, d, e, f, g, h, i, j, k: kernel(a, b, c, d, e, f, g, h, i, j, k))
    for seed, inputs in enumerate((64, 192, 576)):
        linear: Linear = dense(TILE, inputs, seed)
        matrix: PackedMatrix = pack([quantised(linear) if bits == 4 else linear])
        x = torch.randn(rows, inputs) * 10 ** torch.randn(rows, 1)
        begun = torch.randn(rows, TILE)
        y, q, table = begun.clone(), quantise(x), matrix.levels.repeat(4)
        blocks = inputs // BLOCK
        run(
            matrix.codes.data_ptr(), matrix.scales.data_ptr(), blocks, table.data_ptr(),
            q["codes"].data_ptr(), inputs, q["scales"].data_ptr(), q["starts"].data_ptr(),
            blocks * 4, y.data_ptr(), TILE * 4,
        )  # fmt: skip
        torch.testing.assert_close(y, begun + matrix(x), rtol=1e-4, atol=1e-5)


def test_extreme_levels_do_not_overflow():
    """All weights and activations at their ends, where products of pairs are largest."""
    from model.runner.cpu.product import tile_product

    kernel: Any = tile_product(1, 8)
    run = compiled(lambda a, b, c, d, e, f, g, h, i, j, k: kernel(a, b, c, d, e, f, g, h, i, j, k))
    for weight in (1.0, -1.0):
        linear = dense(TILE, 128, 0)
        linear.weight.data.fill_(weight)
        matrix = pack([linear])
        for x in (torch.ones(1, 128), -torch.ones(1, 128)):
            y, q = torch.zeros(1, TILE), quantise(x)
            run(
                matrix.codes.data_ptr(), matrix.scales.data_ptr(), 2, matrix.levels.data_ptr(),
                q["codes"].data_ptr(), 128, q["scales"].data_ptr(), q["starts"].data_ptr(),
                8, y.data_ptr(), 64,
            )  # fmt: skip
            torch.testing.assert_close(y, 128 * weight * x[:, :1].expand(1, TILE))


def test_codes_are_the_nearest_levels_and_nan_stays_nan():
    x = torch.randn(4, 192)
    x[1, 64:128] = 0
    x[2, 70], x[3, 5] = math.nan, math.inf
    q = quantise(x)
    scale = x.view(4, 3, BLOCK).abs().amax(-1) / 127
    assert q["scales"][2:].isnan().tolist() == [[False, True, False], [True, False, False]]
    sound = ~q["scales"].isnan()
    torch.testing.assert_close(q["scales"][sound], scale[sound])
    back = q["codes"].view(4, 3, BLOCK) * q["scales"][..., None]
    error = (back - x.view(4, 3, BLOCK)).abs()
    assert (error[sound] <= 0.5001 * scale[sound][:, None]).all()
    sums = q["codes"].view(4, 3, BLOCK).int().sum(-1)
    assert torch.equal(q["starts"][sound], -offset(instructions()) * sums[sound])


@pytest.mark.parametrize("count", [1, 3, 15, 16, 17, 64, 129])
@pytest.mark.parametrize("size", [16, 64, 128, 80])
def test_attention_of_one_head(count, size):
    from model.runner.cpu.step import attend

    stride = 3 * size
    keys = torch.full((count + 16, stride), math.nan, dtype=torch.float16)
    values = keys.clone()
    keys[:count], values[:count] = torch.randn(count, stride), torch.randn(count, stride)
    query, out = torch.randn(size) * 3, torch.full((size,), math.nan)
    numbers = torch.full((count + 16,), math.nan)
    attend(
        query.data_ptr(), keys.data_ptr(), values.data_ptr(), stride * 2, count, size,
        numbers.data_ptr(), out.data_ptr(),
    )  # fmt: skip
    k, v = keys[:count, :size].float(), values[:count, :size].float()
    weights = (k @ query / math.sqrt(size)).softmax(0)
    torch.testing.assert_close(numbers[:count], weights, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(out, weights @ v, rtol=1e-4, atol=1e-5)


def test_gate_and_up_over_the_whole_range():
    from model.runner.cpu.elementwise import gated

    run = compiled(lambda a, b, c, d: gated(a, b, c, d))
    gate = torch.cat([torch.linspace(-120, 120, 1008), torch.tensor([0.0, math.nan] * 8)])
    up, out = torch.randn(1024), torch.full((1024,), math.nan)
    run(gate.data_ptr(), up.data_ptr(), 1024, out.data_ptr())
    wanted = torch.nn.functional.silu(gate) * up
    assert torch.equal(out.isnan(), wanted.isnan())
    torch.testing.assert_close(out, wanted, rtol=1e-5, atol=1e-6, equal_nan=True)


def test_float16_has_ends():
    from model.runner.cpu.attention import narrow

    run = compiled(lambda a, b, c: narrow(a, b, c))
    x = torch.tensor([1.0, -2.5, 1e6, -1e6, math.inf, 65504.0, 1e-7, math.nan] * 2)
    out = torch.zeros(16, dtype=torch.float16)
    run(x.data_ptr(), out.data_ptr(), 16)
    wanted = x.clamp(-65504, 65504).half()
    torch.testing.assert_close(out, wanted, rtol=0, atol=0, equal_nan=True)
