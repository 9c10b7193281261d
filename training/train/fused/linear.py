"""Linear layers that share an input: their 4-bit weights as one product, and their adapters.

The adapters' products are added in place to the weights' product: LoRA (Hu and others, 2021,
arXiv:2106.09685) costs no copies of the output.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
from bitsandbytes.nn.modules import Linear4bit
from torch import Tensor, nn

from training.train.fused.nf4 import QuantisedWeight, dequantise

_ADAPTER = "default"


class Linears:
    """Layers of peft over 4-bit layers of bitsandbytes. Tensors have the shape (tokens, features).

    `parameters` are the adapters' factors in the order A, B, A, B; all layers have an adapter.
    """

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        found = [cast("Any", layer) for layer in layers]
        self._weights = [_weight_of(layer.base_layer) for layer in found]
        self._sizes = [weight.shape[0] for weight in self._weights]
        self._firsts = [cast("nn.Parameter", one.lora_A[_ADAPTER].weight) for one in found]
        self._seconds = [cast("nn.Parameter", one.lora_B[_ADAPTER].weight) for one in found]
        self._scale = float(found[0].scaling[_ADAPTER])
        self._bias = _bias_of([layer.base_layer for layer in found])
        pairs = zip(self._firsts, self._seconds, strict=True)
        self.parameters = [parameter for pair in pairs for parameter in pair]
        self._a = torch.empty(0)
        self._b: list[Tensor] = []

    @staticmethod
    def supported(layers: Sequence[nn.Module]) -> bool:
        """Whether all layers are plain LoRA of one scale over NF4 weights."""
        found = [cast("Any", layer) for layer in layers]
        return (
            all(_is_plain(layer) for layer in found)
            and len({layer.scaling[_ADAPTER] for layer in found}) == 1
        )

    def refresh(self, dtype: torch.dtype) -> None:
        """Take over the factors' present values, rounded to the type to compute in."""
        self._a = torch.cat([first.detach() for first in self._firsts]).to(dtype)
        self._b = [second.detach().to(dtype) for second in self._seconds]
        if self._bias is not None:
            self._bias = self._bias.to(dtype)

    def weight(self, dtype: torch.dtype) -> Tensor:
        """The weights below each other, of shape (all output features, input features)."""
        shape = sum(self._sizes), self._weights[0].shape[1]
        whole = torch.empty(shape, dtype=dtype, device=self._firsts[0].device)
        for weight, part in zip(self._weights, whole.split(self._sizes), strict=True):
            dequantise(weight, part)
        return whole

    def forward(self, x: Tensor, weight: Tensor, residual: Tensor | None = None) -> Tensor:
        """The layers' outputs beside each other, added to `residual` if there is one.

        The residual comes last: it is the larger, and shall be rounded only once.
        """
        out = x @ weight.T if self._bias is None else torch.addmm(self._bias, x, weight.T)
        for part, inner, second in zip(
            out.split(self._sizes, dim=1), self._inner(x), self._b, strict=True
        ):
            part.addmm_(inner, second.T)
        return out if residual is None else out.add_(residual)

    def backward(self, gradient: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The input's gradient from that of the outputs, and the gradient between A and B."""
        parts = gradient.split(self._sizes, dim=1)
        inner = torch.cat([part @ b for part, b in zip(parts, self._b, strict=True)], dim=1)
        inner *= self._scale
        return (gradient @ weight).addmm_(inner, self._a), inner

    def factor_gradients(self, gradient: Tensor, inner: Tensor, x: Tensor) -> list[Tensor]:
        """The gradients of `parameters`, in float32, from the two of `backward` and the input."""
        firsts = _product(inner.T, x).split([len(first) for first in self._firsts])
        parts = gradient.split(self._sizes, dim=1)
        seconds = [_product(part.T, h) for part, h in zip(parts, self._inner(x), strict=True)]
        return [each for pair in zip(firsts, seconds, strict=True) for each in pair]

    def _inner(self, x: Tensor) -> Sequence[Tensor]:
        """What lies between A and B, for each layer: of shape (tokens, rank)."""
        whole = (x @ self._a.T).mul_(self._scale)
        return whole.split([len(first) for first in self._firsts], dim=1)


def _product(one: Tensor, other: Tensor) -> Tensor:
    if one.is_cuda and one.dtype == torch.bfloat16:
        return torch.mm(one, other, out_dtype=torch.float32)
    return (one @ other).float()


def _weight_of(layer: Linear4bit) -> QuantisedWeight:
    packed = cast("Any", layer.weight)
    return QuantisedWeight(packed.data, packed.quant_state)


def _bias_of(layers: Sequence[Linear4bit]) -> Tensor | None:
    """The layers' biases beside each other; zeros for a layer without; None where none has one."""
    biases = [cast("Tensor | None", layer.bias) for layer in layers]
    held = next((bias for bias in biases if bias is not None), None)
    if held is None:
        return None
    return torch.cat(
        [
            held.new_zeros(layer.out_features) if bias is None else bias.detach()
            for layer, bias in zip(layers, biases, strict=True)
        ]
    )


def _is_plain(layer: Any) -> bool:  # noqa: ANN401 - peft's layers have no common type
    base = getattr(layer, "base_layer", None)
    return (
        isinstance(base, Linear4bit)
        and _weight_of(base).supported
        and list(layer.lora_A) == [_ADAPTER]
        and not layer.lora_variant
        and not layer.lora_bias[_ADAPTER]
        and isinstance(layer.lora_dropout[_ADAPTER], nn.Identity)
    )
