"""A loaded model's weights for the GPU's own kernels: which models they can compute, and how."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from bitsandbytes.nn.modules import Linear4bit
from torch.nn import Linear
from transformers import PreTrainedModel

from model.loading.adapters import head_dim
from model.runner.gpu.compiler import KernelError, check_device
from model.runner.gpu.kernel_set import HEAD_DIMS, KernelSet
from model.runner.gpu.matrix import (
    TiledProjection,
    Unpacker,
    fits,
    paired_order,
    rotary_order,
    tiled,
)
from model.runner.weights import Compute, DecoderLayer, Weights, take_weights


def take_tiled(
    model: PreTrainedModel, max_context: int, folder: Path, block_tokens: int,
    cache_dtype: torch.dtype | None = None,
) -> Weights:  # fmt: skip
    """Take a loaded model's weights in tiles, and free its own.

    All kernels that a step of this model needs are compiled, into `folder`, and loaded first;
    `cache_dtype` is bfloat16 if not given, or float8_e4m3fn.
    Raises KernelError, with the model as it was, where one of them does not run here or the model
    has other sizes than they can compute.
    """
    check_device()
    _check(model)
    config = model.config
    head = head_dim(config)
    KernelSet(
        folder,
        head_dim=head,
        group=config.num_attention_heads // config.num_key_value_heads,
        block_tokens=block_tokens,
        vocabulary=config.vocab_size,
        cache_bytes=(cache_dtype or torch.bfloat16).itemsize,
    ).prepare()
    take_layer = partial(_take_layer, head_dim=head, unpacker=Unpacker(folder))
    weights = take_weights(model, Compute.NF4, max_context, take_layer)
    return weights if cache_dtype is None else replace(weights, cache_dtype=cache_dtype)


def is_tiled(weights: Weights) -> bool:
    """Whether `take_tiled` took these weights."""
    return all(
        isinstance(projection, TiledProjection)
        for layer in weights.layers
        for projection in cast("Sequence[object]", (layer.qkv, layer.o, layer.gate_up, layer.down))
    )


def _check(model: PreTrainedModel) -> None:
    """Raise KernelError for sizes that the kernels cannot compute."""
    config = model.config
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    if (head := head_dim(config)) not in HEAD_DIMS:
        raise KernelError(f"attention heads of {head} dimensions have no kernel")
    if heads % kv_heads:
        raise KernelError(f"{heads} attention heads do not share {kv_heads} key/value heads evenly")
    if model.dtype is not torch.bfloat16:
        raise KernelError(f"the model computes in {model.dtype}, the kernels in bfloat16")
    linears = [part for part in cast("Any", model).model.modules() if isinstance(part, Linear)]
    quantised = [part for part in linears if isinstance(part, Linear4bit)]
    if isinstance(cast("Any", model).lm_head, Linear4bit):
        raise KernelError("its vocabulary is in 4 bits, and the kernels read it in 16")
    if len(quantised) < len(linears):
        raise KernelError("some of its layers are not in 4 bits")
    if not quantised or not fits(quantised):
        raise KernelError("its matrices are not NF4 in blocks of 64, or no whole tiles")


def _take_layer(
    layer: Any,  # noqa: ANN401 - transformers' own
    dtype: torch.dtype,
    *,
    head_dim: int,
    unpacker: Unpacker,
) -> DecoderLayer:
    attention, mlp = layer.self_attn, layer.mlp
    qkv = [attention.q_proj, attention.k_proj, attention.v_proj]
    heads = sum(linear.out_features for linear in qkv) // head_dim
    plain = torch.arange(attention.o_proj.out_features)
    pairs = paired_order(mlp.gate_proj.out_features)
    return DecoderLayer(
        input_norm=layer.input_layernorm.weight.detach().to(dtype),
        qkv=tiled(qkv, rotary_order(heads, head_dim), unpacker),
        o=tiled([attention.o_proj], plain, unpacker),
        post_norm=layer.post_attention_layernorm.weight.detach().to(dtype),
        gate_up=tiled([mlp.gate_proj, mlp.up_proj], pairs, unpacker),
        down=tiled([mlp.down_proj], plain, unpacker),
    )
