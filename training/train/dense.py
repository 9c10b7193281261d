"""A base model to train on: in 4 bits, with its weights unpacked once where memory allows it.

bitsandbytes unpacks a 4-bit weight for every product, forward and backward. On a CPU a small model
learns a third faster when its weights are unpacked once (docs/experiments.md). The values, and so
what is learned, are the same.
"""

from typing import Any, cast

import psutil
import torch
from bitsandbytes.functional import QuantState, dequantize_4bit
from bitsandbytes.nn.modules import Linear4bit, Params4bit
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from model.loading.base import ResolvedBase
from model.loading.quantised import load_quantised

_SHARE = 0.25  # of the free memory


def load_to_learn(
    base: ResolvedBase, dtype: torch.dtype, device: torch.device | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A base and its tokenizer, for gradients to pass through; its products are in `dtype`.

    Its linear layers hold 4-bit values, unpacked where `unpack` finds room. Raises
    UnsupportedArchitecture or ConfigError.
    """
    model, tokenizer = load_quantised(base, compute_dtype=dtype, trainable=True, device=device)
    unpack(model, dtype)
    return model, tokenizer


def unpack(model: PreTrainedModel, dtype: torch.dtype) -> bool:
    """Replace the 4-bit layers by plain ones of the same values, if a CPU has the memory for it.

    Tells whether it did; transformers then treats the model as one that was never quantised.
    """
    layers = {name: one for name, one in model.named_modules() if isinstance(one, Linear4bit)}
    needed = sum(one.in_features * one.out_features for one in layers.values()) * dtype.itemsize
    if model.device.type != "cpu" or needed > _SHARE * psutil.virtual_memory().available:
        return False
    for name, layer in layers.items():
        model.set_submodule(name, _plain(layer, dtype))
    anything = cast("Any", model)
    anything.hf_quantizer = anything.quantization_method = None
    anything.is_quantized = anything.is_loaded_in_4bit = False
    del anything.config.quantization_config
    return True


def _plain(layer: Linear4bit, dtype: torch.dtype) -> nn.Linear:
    packed = cast("Params4bit", layer.weight)
    weight = dequantize_4bit(packed.data, cast("QuantState", packed.quant_state)).to(dtype)
    bias = cast("Tensor | None", layer.bias)
    plain = nn.Linear(layer.in_features, layer.out_features, bias is not None, device="meta")
    plain.weight = nn.Parameter(weight, requires_grad=False)
    if bias is not None:
        plain.bias = nn.Parameter(bias.detach().to(dtype), requires_grad=False)
    return plain
