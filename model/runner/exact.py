"""A loaded model in float32 throughout, without a second copy of its weights.

Between two ways to compute a model, 16 bits hide differences of a percent: the roundings of either.
In float32 they differ by less than a thousandth of a percent, if they are the same function.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from bitsandbytes.nn.modules import Linear4bit
from torch import Tensor
from torch.nn import Linear
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from transformers import PreTrainedModel

from model.loading.quantised import switch_off_packed_kernel
from model.runner.weights import Compute, Projection, Weights, gather, join, quant_state

_ROWS = 8192  # of a matrix in 16 bits that are held in float32 at once


@torch.inference_mode()
def transformers_logits(model: PreTrainedModel, ids: Sequence[int], at: Sequence[int]) -> Tensor:
    """The logits after the tokens `at` (positions in `ids`) by transformers' own forward pass.

    They are float32, of shape (positions, vocab). Call it within `in_float32`.
    """
    device = model.device
    embedded = F.embedding(
        torch.tensor([ids], device=device), cast("Any", model.get_input_embeddings()).weight
    )
    with _InputsDtype():
        out = cast("Any", model)(
            inputs_embeds=embedded.float(),
            logits_to_keep=torch.tensor(at, device=device),
            use_cache=False,
        )
    return out.logits[0]


def exact_weights(model: PreTrainedModel, max_context: int) -> Weights:
    """The model's weights as our own runner takes them; joined at each call, so that none is held.

    Use them within `in_float32`.
    """
    return gather(model, max_context, torch.float32, _joined_at_call)


@contextmanager
def in_float32(model: PreTrainedModel) -> Generator[None]:
    """Let the 4-bit layers of a model compute in float32; afterwards they are as they were."""
    switch_off_packed_kernel(model)
    layers = [part for part in model.modules() if isinstance(part, Linear4bit)]
    before = [
        (layer.compute_dtype, quant_state(layer).dtype, _bias_dtype(layer)) for layer in layers
    ]
    for layer in layers:
        layer.compute_dtype = quant_state(layer).dtype = torch.float32
    try:
        yield
    finally:
        for layer, (compute, stored, bias) in zip(layers, before, strict=True):
            layer.compute_dtype, quant_state(layer).dtype = compute, stored
            if bias is not None:  # bitsandbytes converts it in place
                layer.bias.data = layer.bias.data.to(bias)


def _bias_dtype(layer: Linear4bit) -> torch.dtype | None:
    bias = cast("Tensor | None", layer.bias)
    return None if bias is None else bias.dtype


def _joined_at_call(layers: Sequence[Linear]) -> Projection:
    def project(x: Tensor) -> Tensor:
        return join(layers, Compute.NF4, _multiplier)(x)

    return project


def _multiplier(weight: Tensor, bias: Tensor | None) -> Projection:
    def project(x: Tensor) -> Tensor:
        return _product(x, weight, bias)

    return project


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x·Wᵀ + b in the dtype of x, a part of W at a time."""
    y = torch.cat([F.linear(x, part.to(x.dtype)) for part in weight.split(_ROWS)], dim=-1)
    return y if bias is None else y + bias.to(x.dtype)


class _InputsDtype(TorchFunctionMode):
    """Linear layers whose weights have another dtype than their input compute in the input's."""

    def __torch_function__(
        self,
        func: Callable[..., Tensor],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Tensor:
        if func is F.linear and args[0].dtype != args[1].dtype:
            return _product(args[0], args[1], args[2] if len(args) > 2 else None)
        return func(*args, **(kwargs or {}))
