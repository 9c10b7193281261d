"""The base model's weights as the runner uses them, taken from a loaded transformers model.

Projections with the same input (q, k and v; gate and up) are joined into one, so that they are one
kernel call instead of three or two. That changes no value where no 4-bit block crosses a row; where
one does, they stay apart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, cast

import torch
from bitsandbytes.autograd._functions import matmul_4bit
from bitsandbytes.functional import (
    QuantState,
    _convert_weight_packed_for_cpu,  # pyright: ignore[reportPrivateUsage]
    dequantize_4bit,
    dequantize_blockwise,
    has_avx512bf16,
)
from bitsandbytes.nn.modules import Linear4bit
from torch import Tensor
from torch.nn import Linear
from torch.nn import functional as F
from transformers import PreTrainedModel

from model.loading.adapters import head_dim

# From (tokens, in) to (tokens, out), in the dtype of the input.
Projection = Callable[[Tensor], Tensor]

_PACKED_ROWS = 32  # bitsandbytes' packed layout takes rows in groups of this


class Compute(StrEnum):
    """How 4-bit weights are multiplied.

    NF4 uses bitsandbytes' kernels on the 4-bit weights. PACKED uses its CPU kernel for
    avx512_bf16, which reads repacked 4-bit weights and rounds to bfloat16. FLOAT32 and BFLOAT16
    dequantise the weights once to that type: more memory, but no dequantisation in a step. INT8
    uses the kernels of `model/runner/cpu`, which read the 4-bit weights and round activations to
    int8; where nothing else is taken for them, it multiplies as NF4 does.
    """

    NF4 = "nf4"
    PACKED = "packed"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"


@dataclass(frozen=True, slots=True)
class DecoderLayer:
    """The weights of one decoder layer.

    `qkv` returns queries, keys and values concatenated in the last dimension, `gate_up` gate and
    up.
    """

    input_norm: Tensor
    qkv: Projection
    o: Projection
    post_norm: Tensor
    gate_up: Projection
    down: Projection


@dataclass(frozen=True, slots=True)
class Weights:
    """All weights of a model. `cos` and `sin` have the shape (max_context, head_dim).

    `vocabulary` is the matrix (vocab, hidden) that `head` multiplies with.
    `dtype` is that of the activations, `cache_dtype` that of the key/value cache.
    """

    embedding: Tensor
    layers: tuple[DecoderLayer, ...]
    norm: Tensor
    head: Projection
    vocabulary: Tensor
    cos: Tensor
    sin: Tensor
    heads: int
    kv_heads: int
    head_dim: int
    eps: float
    dtype: torch.dtype
    cache_dtype: torch.dtype

    @property
    def vocab_size(self) -> int:
        """The number of token ids."""
        return self.embedding.shape[0]


# A decoder layer of transformers' and the dtype of the activations to the layer's weights.
LayerTaker = Callable[[Any, torch.dtype], DecoderLayer]
# Linears with the same input to one projection.
Joiner = Callable[[Sequence[Linear]], Projection]
# A matrix that is not in 4 bits, and its bias, to a projection.
Multiplier = Callable[[Tensor, Tensor | None], Projection]


def best_compute(device: torch.device) -> Compute:
    """The fastest way with others' kernels on this device, as measured in docs/experiments.md."""
    if device.type != "cpu":
        return Compute.NF4
    return Compute.PACKED if has_avx512bf16() else Compute.FLOAT32


def loading_dtype(compute: Compute, device: torch.device) -> torch.dtype:
    """The dtype to load a model in: float32 for the exact ways on a CPU, else bfloat16."""
    exact = device.type == "cpu" and compute in (Compute.NF4, Compute.FLOAT32)
    return torch.float32 if exact else torch.bfloat16


def take_weights(
    model: PreTrainedModel,
    compute: Compute,
    max_context: int,
    take_layer: LayerTaker | None = None,
) -> Weights:
    """Take the weights out of a loaded model of a supported architecture.

    `take_layer` takes a layer's weights where they are not to be multiplied as `compute` says.
    `max_context` is the number of positions, in tokens. The activations are float32 on a CPU and
    have the model's own dtype on a GPU.
    """
    dtype = torch.float32 if model.device.type == "cpu" else model.dtype
    return gather(model, max_context, dtype, partial(join, compute=compute), take_layer)


@torch.inference_mode()
def gather(
    model: PreTrainedModel,
    max_context: int,
    dtype: torch.dtype,
    joiner: Joiner,
    take_layer: LayerTaker | None = None,
) -> Weights:
    """The same with activations of `dtype`, and projections as `joiner` makes them."""
    config, device = model.config, model.device
    decoder = cast("Any", model).model
    positions = torch.arange(max_context, device=device)[None]
    like = torch.empty(0, dtype=torch.float32, device=device)
    cos, sin = decoder.rotary_emb(like, positions)
    vocabulary = cast("Any", model).lm_head.weight.detach()
    take = take_layer or partial(_decoder_layer, joiner=joiner)
    return Weights(
        embedding=decoder.embed_tokens.weight.detach(),
        layers=tuple(take(layer, dtype) for layer in decoder.layers),
        norm=decoder.norm.weight.detach().to(dtype),
        head=joiner([cast("Any", model).lm_head]),
        vocabulary=vocabulary,
        cos=cos[0].to(dtype),
        sin=sin[0].to(dtype),
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        head_dim=head_dim(config),
        eps=config.rms_norm_eps,
        dtype=dtype,
        cache_dtype=dtype,
    )


def _decoder_layer(layer: Any, dtype: torch.dtype, *, joiner: Joiner) -> DecoderLayer:  # noqa: ANN401 - transformers' own
    attention, mlp = layer.self_attn, layer.mlp
    return DecoderLayer(
        input_norm=layer.input_layernorm.weight.detach().to(dtype),
        qkv=joiner([attention.q_proj, attention.k_proj, attention.v_proj]),
        o=joiner([attention.o_proj]),
        post_norm=layer.post_attention_layernorm.weight.detach().to(dtype),
        gate_up=joiner([mlp.gate_proj, mlp.up_proj]),
        down=joiner([mlp.down_proj]),
    )


def join(
    layers: Sequence[Linear], compute: Compute, multiplier: Multiplier | None = None
) -> Projection:
    """Join layers with the same input to one projection; outputs in their order.

    Layers that were left in 16 bits stay so, and are multiplied in 16 bits if there is no
    `multiplier`. Where a 4-bit block crosses rows, or the layers are not quantised alike, each is
    multiplied on its own.
    """
    quantised = [layer for layer in layers if isinstance(layer, Linear4bit)]
    if len(quantised) == len(layers) and _joinable(quantised):
        return _join(quantised, compute)
    if len(layers) > 1:
        return _side_by_side([join([layer], compute, multiplier) for layer in layers])
    bias = cast("Tensor | None", layers[0].bias)
    weight = layers[0].weight.data
    if quantised:
        weight = dequantize_4bit(weight, quant_state(quantised[0]))
    multiply = multiplier or _dense
    return multiply(weight.detach(), None if bias is None else bias.detach())


def _joinable(layers: Sequence[Linear4bit]) -> bool:
    states = [quant_state(layer) for layer in layers]
    kinds = {(state.quant_type, state.blocksize, state.dtype) for state in states}
    with_bias = {cast("Tensor | None", layer.bias) is not None for layer in layers}
    blocks = cast("int", states[0].blocksize)
    whole = all(matrix_shape(state)[1] % blocks == 0 for state in states)
    return whole and len(kinds) == len(with_bias) == 1


def _side_by_side(projections: Sequence[Projection]) -> Projection:
    def project(x: Tensor) -> Tensor:
        return torch.cat([one(x) for one in projections], dim=-1)

    return project


def _join(layers: Sequence[Linear4bit], compute: Compute) -> Projection:
    biases = [bias for layer in layers if (bias := cast("Tensor | None", layer.bias)) is not None]
    bias = torch.cat(biases).detach() if biases else None
    if compute in (Compute.FLOAT32, Compute.BFLOAT16):
        dtype = torch.float32 if compute is Compute.FLOAT32 else torch.bfloat16
        dense = [dequantize_4bit(layer.weight.data, quant_state(layer)) for layer in layers]
        return _dense(torch.cat(dense).to(dtype), bias)
    packed, state = _join_quantised(layers)
    rows, columns = matrix_shape(state)
    fits = rows % _PACKED_ROWS == 0 and columns % cast("int", state.blocksize) == 0
    if compute is Compute.PACKED and fits and state.quant_type == "nf4":
        return _packed(packed, state, bias)
    return _quantised(packed, state, bias)


def _join_quantised(layers: Sequence[Linear4bit]) -> tuple[Tensor, QuantState]:
    states = [quant_state(layer) for layer in layers]
    first = states[0]
    joined = QuantState(
        absmax=torch.cat([scales(state) for state in states]),
        shape=torch.Size((sum(matrix_shape(state)[0] for state in states), matrix_shape(first)[1])),
        code=first.code,
        blocksize=first.blocksize,
        quant_type=first.quant_type,
        dtype=first.dtype,
    )
    return torch.cat([layer.weight.data.reshape(-1, 1) for layer in layers]), joined


def quant_state(layer: Linear4bit) -> QuantState:
    """What belongs to the 4-bit codes of a layer: scales, shape and kind."""
    return cast("Any", layer.weight).quant_state


def scales(state: QuantState) -> Tensor:
    """The scale of each block in float32, also where these are quantised themselves."""
    scale = state.absmax
    if state.nested:
        scale = dequantize_blockwise(state.absmax, state.state2) + cast("Tensor", state.offset)
    return scale.float()


def matrix_shape(state: QuantState) -> tuple[int, int]:
    """(out, in) of a quantised matrix."""
    rows, columns = cast("torch.Size", state.shape)
    return rows, columns


def _dense(weight: Tensor, bias: Tensor | None) -> Projection:
    bias = None if bias is None else bias.to(weight.dtype)

    def project(x: Tensor) -> Tensor:
        return F.linear(x.to(weight.dtype), weight, bias).to(x.dtype)

    return project


def _packed(weight: Tensor, state: QuantState, bias: Tensor | None) -> Projection:
    packed, state = _convert_weight_packed_for_cpu(weight, state)
    shape, absmax, code, size = [*matrix_shape(state)], state.absmax, state.code, state.blocksize
    kernel = torch.ops.bitsandbytes.gemv_4bit.default

    def project(x: Tensor) -> Tensor:
        y = kernel(x, packed, shape, absmax, code, size)
        return y if bias is None else y + bias

    return project


def _quantised(weight: Tensor, state: QuantState, bias: Tensor | None) -> Projection:
    def project(x: Tensor) -> Tensor:
        return matmul_4bit(x, weight.t(), state, bias=bias)

    return project
