"""One layer of the decoder: attention and feed-forward, each after a norm, both added on."""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from training.train.fused.attention import Attended, Bounds, attend, attend_backward
from training.train.fused.linear import Linears
from training.train.fused.norm import rms_norm, rms_norm_backward
from training.train.fused.rotary import Angles, rotate
from training.train.fused.swiglu import swiglu, swiglu_backward


@dataclass(slots=True)
class Activations:
    """What the backward pass of a block reads; what is None it computes again.

    `start` is the block's input and `middle` what attention made of it, both (tokens, hidden size).
    `qkv` are queries, keys and values beside each other, queries and keys turned; `gate_up` the two
    halves of the feed-forward layer.
    """

    start: Tensor
    middle: Tensor
    qkv: Tensor | None = None
    attended: Attended | None = None
    gate_up: Tensor | None = None


class Block:
    """A layer of a supported model of transformers, with peft's adapter on its linears."""

    def __init__(self, layer: nn.Module) -> None:
        parts = cast("Any", layer)
        attention = parts.self_attn
        self._qkv, self._out, self._gate_up, self._down = map(Linears, _linears(parts))
        self._first, self._second = parts.input_layernorm, parts.post_attention_layernorm
        self._head_dim, self._scale = int(attention.head_dim), float(attention.scaling)
        self._heads = attention.q_proj.base_layer.out_features // self._head_dim
        self._key_heads = attention.k_proj.base_layer.out_features // self._head_dim
        self.linears = (self._qkv, self._out, self._gate_up, self._down)

    @staticmethod
    def supported(layer: nn.Module) -> bool:
        """Whether it has the parts of such a layer, with adapters that the kernels know."""
        return all(Linears.supported(group) for group in _linears(cast("Any", layer)))

    def forward(
        self, x: Tensor, angles: Angles, bounds: Bounds, *, keep_all: bool
    ) -> tuple[Tensor, Activations]:
        """The block's output for an input of shape (tokens, hidden size), and what to keep of it.

        With `keep_all` the backward pass need not compute any product again.
        """
        qkv, attended = self._attention(x, angles, bounds)
        middle = self._out.forward(_flat(attended.output), self._out.weight(x.dtype), x)
        gate_up = self._feed_forward(self._norm(middle, self._second), None)
        end = self._down.forward(swiglu(gate_up), self._down.weight(x.dtype), middle)
        if keep_all:
            return end, Activations(x, middle, qkv, attended, gate_up)
        return end, Activations(x, middle)

    def backward(
        self, gradient: Tensor, kept: Activations, angles: Angles, bounds: Bounds
    ) -> tuple[Tensor, list[Tensor]]:
        """The input's gradient, and those of the parameters of `linears` in their order.

        `kept` is used up.
        """
        middle, after = self._feed_forward_backward(gradient, kept)
        start, before = self._attention_backward(middle, kept, angles, bounds)
        return start, before + after

    def _feed_forward_backward(
        self, gradient: Tensor, kept: Activations
    ) -> tuple[Tensor, list[Tensor]]:
        dtype = gradient.dtype
        normed = self._norm(kept.middle, self._second)
        weight = self._gate_up.weight(dtype)
        gate_up = kept.gate_up
        if gate_up is None:
            gate_up = self._feed_forward(normed, weight)
        active, inner = self._down.backward(gradient, self._down.weight(dtype))
        swiglu_backward(active, gate_up)
        down = self._down.factor_gradients(gradient, inner, active)
        del active
        normed_gradient, inner = self._gate_up.backward(gate_up, weight)
        both = self._gate_up.factor_gradients(gate_up, inner, normed)
        kept.gate_up = None
        middle = self._norm_backward(normed_gradient, kept.middle, self._second, gradient)
        return middle, both + down

    def _attention_backward(
        self, gradient: Tensor, kept: Activations, angles: Angles, bounds: Bounds
    ) -> tuple[Tensor, list[Tensor]]:
        dtype = gradient.dtype
        normed = self._norm(kept.start, self._first)
        weight = self._qkv.weight(dtype)
        qkv, attended = kept.qkv, kept.attended
        if qkv is None or attended is None:
            qkv, attended = self._attention(kept.start, angles, bounds, weight)
        output = _flat(attended.output)
        output_gradient, inner = self._out.backward(gradient, self._out.weight(dtype))
        out = self._out.factor_gradients(gradient, inner, output)
        query, key, value = attend_backward(
            output_gradient.view_as(attended.output), self._heads_of(qkv), attended, bounds,
            self._scale,
        )  # fmt: skip
        whole = torch.empty_like(qkv)
        query_target, key_target, value_target = self._heads_of(whole)
        rotate(query, query_target, angles, back=True)
        rotate(key, key_target, angles, back=True)
        value_target.copy_(value)
        kept.qkv = kept.attended = None
        normed_gradient, inner = self._qkv.backward(whole, weight)
        three = self._qkv.factor_gradients(whole, inner, normed)
        start = self._norm_backward(normed_gradient, kept.start, self._first, gradient)
        return start, three + out

    def _attention(
        self, x: Tensor, angles: Angles, bounds: Bounds, weight: Tensor | None = None
    ) -> tuple[Tensor, Attended]:
        weight = self._qkv.weight(x.dtype) if weight is None else weight
        qkv = self._qkv.forward(self._norm(x, self._first), weight)
        turned = self._heads + self._key_heads
        both = qkv[:, : turned * self._head_dim].unflatten(1, (turned, self._head_dim))
        rotate(both, both, angles)
        return qkv, attend(*self._heads_of(qkv), bounds, self._scale)

    def _feed_forward(self, normed: Tensor, weight: Tensor | None) -> Tensor:
        weight = self._gate_up.weight(normed.dtype) if weight is None else weight
        return self._gate_up.forward(normed, weight)

    def _heads_of(self, qkv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Views of shape (tokens, heads, head_dim)."""
        heads = qkv.unflatten(1, (-1, self._head_dim))
        query, key, value = heads.split([self._heads, self._key_heads, self._key_heads], dim=1)
        return query, key, value

    @staticmethod
    def _norm(x: Tensor, norm: Any) -> Tensor:  # noqa: ANN401 - a norm of any model
        return rms_norm(x, norm.weight, norm.variance_epsilon)

    @staticmethod
    def _norm_backward(gradient: Tensor, x: Tensor, norm: Any, residual: Tensor) -> Tensor:  # noqa: ANN401
        return rms_norm_backward(gradient, x, norm.weight, norm.variance_epsilon, residual)


def _flat(heads: Tensor) -> Tensor:
    return heads.flatten(1)


def _linears(layer: Any) -> tuple[list[nn.Module], ...]:  # noqa: ANN401
    attention, feed_forward = layer.self_attn, layer.mlp
    return (
        [attention.q_proj, attention.k_proj, attention.v_proj],
        [attention.o_proj],
        [feed_forward.gate_proj, feed_forward.up_proj],
        [feed_forward.down_proj],
    )
