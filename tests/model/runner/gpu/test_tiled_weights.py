"""bitsandbytes' layers in tiles: joined, in another order, with their biases, and freed."""

from typing import Any, cast

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn.modules import Linear4bit
from torch import Tensor

from model.loading.base import resolve_base
from model.loading.quantised import load_quantised
from model.runner.gpu import tiled_weights
from model.runner.gpu.compiler import KernelError
from model.runner.gpu.kernel_set import ROWS, shapes
from model.runner.gpu.matrix import Unpacker, fits, paired_order, rotary_order, tiled
from tests.fakes.tiny_model import make_tiny
from tests.model.runner.gpu.kernel_reference import untile


@pytest.fixture
def model(tmp_path: Any) -> Any:
    """A Qwen with heads of 64 and biases."""
    made = make_tiny(tmp_path / "model", family="qwen", hidden_size=256, intermediate_size=192)
    base = resolve_base(str(made), tmp_path, lambda *_: None)
    loaded, _ = load_quantised(base, compute_dtype=torch.float32, trainable=False)
    return loaded


def dense(layers: list[Linear4bit]) -> Tensor:
    parts = [
        dequantize_4bit(layer.weight.data, cast("Any", layer.weight).quant_state)
        for layer in layers
    ]
    return torch.cat(parts).float().cpu()


@pytest.mark.parametrize("which", ["q k v", "gate and up", "o"])
def test_layers_are_joined_in_tiles_and_freed(which: str, model: Any) -> None:
    layer = model.model.layers[0]
    attention, mlp = layer.self_attn, layer.mlp
    layers, order = {
        "q k v": ([attention.q_proj, attention.k_proj, attention.v_proj], rotary_order(8, 64)),
        "gate and up": ([mlp.gate_proj, mlp.up_proj], paired_order(192)),
        "o": ([attention.o_proj], torch.arange(256)),
    }[which]
    assert fits(layers)
    plain, biases = dense(layers), [one.bias for one in layers]
    projection = tiled(layers, order, cast("Unpacker", None))
    torch.testing.assert_close(untile(projection.matrix).cpu(), plain, rtol=1e-3, atol=1e-6)
    if which == "q k v":
        assert projection.bias is not None
        assert torch.equal(projection.bias, torch.cat(biases).bfloat16())
    else:
        assert projection.bias is None
    assert all(one.weight.data.numel() == 0 for one in layers)


def test_a_layer_without_a_bias_beside_one_with_it_adds_nothing(model: Any) -> None:
    attention = model.model.layers[0].self_attn
    attention.k_proj.bias = None
    layers = [attention.q_proj, attention.k_proj, attention.v_proj]
    projection = tiled(layers, rotary_order(8, 64), cast("Unpacker", None))
    assert projection.bias is not None
    assert not projection.bias[256:384].any()
    assert projection.bias[:256].any()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"head_dim": 96}, "heads of 96 dimensions"),
        ({"num_key_value_heads": 3}, "do not share 3 key/value heads evenly"),
        ({}, "computes in torch.float32"),
    ],
)
def test_sizes_without_kernels_are_named_before_anything_changes(
    change: dict[str, int], reason: str, model: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(tiled_weights, "check_device", lambda: None)
    for name, value in change.items():
        setattr(model.config, name, value)
    before = model.model.layers[0].mlp.up_proj.weight.data.clone()
    with pytest.raises(KernelError, match=reason):
        tiled_weights.take_tiled(model, 64, tmp_path, 32)
    assert torch.equal(model.model.layers[0].mlp.up_proj.weight.data, before)


def test_matrices_that_are_no_whole_tiles_do_not_fit(tmp_path: Any) -> None:
    made = make_tiny(tmp_path / "odd", hidden_size=64, intermediate_size=72)
    base = resolve_base(str(made), tmp_path, lambda *_: None)
    odd, _ = load_quantised(base, compute_dtype=torch.float32, trainable=False)
    mlp = cast("Any", odd).model.layers[0].mlp
    assert not fits([mlp.gate_proj])


def test_every_step_has_shapes_that_every_supported_card_can_run() -> None:
    for rows in ROWS:
        for shape in shapes(-(-rows // 8)):
            assert shape.threads <= 1024
            # 99 KiB on compute capability 8.6 and 8.9; a few bytes are the kernel's own.
            assert shape.shared_bytes(-(-rows // 8)) <= 99 * 1024 - 64
