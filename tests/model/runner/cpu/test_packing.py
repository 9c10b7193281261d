"""Matrices in the kernels' order, taken back."""

from typing import Any

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn.modules import Linear4bit, Params4bit
from torch.nn import Linear

from model.runner.cpu.packing import pack
from model.runner.weights import quant_state


def dense(outputs: int, inputs: int, seed: int, *, bias: bool = False) -> Linear:
    torch.manual_seed(seed)
    return Linear(inputs, outputs, bias=bias)


def quantised(linear: Linear, kind: str = "nf4", block: int = 64) -> Linear4bit:
    outputs, inputs = linear.weight.shape
    four = Linear4bit(inputs, outputs, bias=False, quant_type=kind)
    options: Any = {"quant_type": kind, "blocksize": block, "compress_statistics": True}
    four.weight = Params4bit(linear.weight.data.clone(), requires_grad=False, **options)
    four.bias = linear.bias
    return four.to("cpu")


def whole(layers: list[Linear4bit]) -> torch.Tensor:
    return torch.cat([dequantize_4bit(x.weight.data, quant_state(x)).float() for x in layers])


@pytest.mark.parametrize("kind", ["nf4", "fp4"])
@pytest.mark.parametrize("block", [64, 128])
def test_4_bit_weights_stay_what_they_are_within_a_level(kind, block):
    layers = [quantised(dense(out, 128, out), kind, block) for out in (48, 16, 24)]
    packed = pack(layers)
    assert (packed.bits, packed.tiles, packed.blocks, packed.outputs) == (4, 6, 2, 88)
    wanted = whole(layers)
    blocks = wanted.view(88, -1, 64)
    level = blocks.abs().amax(-1, keepdim=True) / 127
    assert ((packed.dense().view_as(blocks) - blocks).abs() <= 0.51 * level).all()


def test_other_layers_get_8_bits():
    layers = [dense(40, 192, 1), quantised(dense(24, 192, 2), block=32)]
    packed = pack(layers)
    assert (packed.bits, packed.tiles, packed.blocks, packed.outputs) == (8, 4, 3, 64)
    wanted = torch.cat([layers[0].weight.data, whole([layers[1]])])
    error = (packed.dense() - wanted).norm() / wanted.norm()
    assert error < 0.015


def test_a_matrix_of_zeros_stays_zero():
    linear = dense(16, 64, 0)
    linear.weight.data.zero_()
    for layer in (linear, quantised(linear)):
        assert pack([layer]).dense().abs().max() < 1e-30


def test_biases_are_joined_and_filled_up():
    layers = [dense(24, 64, 1, bias=True), dense(10, 64, 2)]
    packed = pack(layers)
    assert packed.bias is not None
    assert packed.bias.shape == (48,)
    x = torch.randn(3, 64)
    wanted = torch.cat([layer(x) for layer in layers], dim=-1)
    torch.testing.assert_close(packed(x), wanted, rtol=0.05, atol=0.05)
