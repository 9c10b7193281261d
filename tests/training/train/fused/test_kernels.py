"""Each kernel computes what plain torch computes on a CPU, gradients included. Needs a GPU."""

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit

from training.train.fused.attention import Bounds, attend, attend_backward
from training.train.fused.nf4 import QuantisedWeight, dequantise
from training.train.fused.norm import rms_norm, rms_norm_backward
from training.train.fused.rotary import rotate
from training.train.fused.swiglu import swiglu, swiglu_backward

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU"),
]
TOKENS = 77


@pytest.fixture
def draw():
    make = torch.Generator().manual_seed(1)
    return lambda *shape: torch.randn(*shape, generator=make).bfloat16()


def assert_near(found, wanted, bound=3e-3):
    """A bfloat16 has 8 bits: its values are rounded by up to 3.9e-3, on the mean by 1.5e-3."""
    assert found.is_cuda
    found, wanted = found.float().cpu(), wanted.float().cpu()
    assert found.isfinite().all()
    assert float((found - wanted).norm() / wanted.norm()) < bound


@pytest.mark.parametrize("shape", [(64, 64), (320, 4096), (1024, 14336)])
def test_weights_are_unpacked_as_bitsandbytes_unpacks_them(draw, shape):
    packed, state = quantize_4bit(draw(*shape).cuda(), quant_type="nf4", compress_statistics=True)
    weight = QuantisedWeight(packed, state)
    assert weight.supported
    out = torch.full(shape, torch.nan, dtype=torch.bfloat16, device="cuda")
    dequantise(weight, out)
    wanted = dequantize_4bit(packed, state)
    assert float((out != wanted).float().mean()) < 1e-3  # where a product is rounded once less
    assert_near(out, wanted, 1e-5)


@pytest.mark.parametrize("size", [64, 576, 4096])
def test_the_norm_and_its_gradient(draw, size):
    x, gradient, residual, weight = (
        draw(TOKENS, size), draw(TOKENS, size), draw(TOKENS, size), draw(size),
    )  # fmt: skip
    there, scale = x.cuda(), weight.cuda()
    assert_near(rms_norm(there, scale, 1e-5), rms_norm(x, weight, 1e-5))
    found = rms_norm_backward(gradient.cuda(), there, scale, 1e-5, residual.cuda())
    assert_near(found, rms_norm_backward(gradient, x, weight, 1e-5, residual))


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize(("heads", "size"), [(3, 16), (40, 128)])
def test_the_rotation(draw, heads, size, back):
    source, half = draw(TOKENS, heads + 2, size), draw(TOKENS, size // 2)
    angles = torch.cat((half, half), 1).cos(), torch.cat((half, half), 1).sin()
    wanted = torch.empty(TOKENS, heads, size, dtype=source.dtype)
    rotate(source[:, :heads], wanted, angles, back=back)
    moved, turned = source.cuda(), tuple(each.cuda() for each in angles)
    rotate(moved[:, :heads], moved[:, :heads], (turned[0], turned[1]), back=back)
    assert_near(moved[:, :heads], wanted)
    assert torch.equal(moved[:, heads:].cpu(), source[:, heads:])


@pytest.mark.parametrize("size", [128, 14336])
def test_the_gated_activation_and_its_gradient(draw, size):
    gate_up, gradient = draw(TOKENS, 2 * size), draw(TOKENS, size)
    found, slope = gate_up.cuda(), gradient.cuda()
    assert_near(swiglu(found), swiglu(gate_up))
    swiglu_backward(slope, found)
    swiglu_backward(gradient, gate_up)
    assert_near(found, gate_up)
    assert_near(slope, gradient)


@pytest.mark.parametrize(("heads", "key_heads", "size"), [(4, 2, 16), (32, 8, 128)])
def test_attention_and_its_gradient(draw, heads, key_heads, size):
    ends = torch.tensor([0, 1, 40, 70, TOKENS, TOKENS, TOKENS], dtype=torch.int32)
    whole = draw(TOKENS, heads + 2 * key_heads, size)
    three = whole.split([heads, key_heads, key_heads], dim=1)
    gradient, scale = draw(TOKENS, heads, size), size**-0.5
    query, key, value = (tensor.float() for tensor in three)
    wide = query, key, value
    wanted = attend(*wide, Bounds(ends, 64), scale)
    slopes = attend_backward(gradient.float(), wide, wanted, Bounds(ends, 64), scale)
    query, key, value = (tensor.cuda() for tensor in three)
    moved, bounds = (query, key, value), Bounds(ends.cuda(), 64)
    found = attend(*moved, bounds, scale)
    assert_near(found.output, wanted.output, 6e-3)
    for one, other in zip(
        attend_backward(gradient.cuda(), moved, found, bounds, scale), slopes, strict=True
    ):
        assert_near(one, other, 1e-2)
