"""The decoder of a supported model under a LoRA adapter, as one differentiable function.

transformers and peft compute the same, in some ten times as many kernels, and unpack each weight
three times a step. Here each product is written out, and so is its gradient.
"""

from typing import Any, cast

import torch
from peft import PeftModel
from torch import Tensor, nn

from training.train.fused.attention import Bounds
from training.train.fused.block import Activations, Block
from training.train.fused.norm import rms_norm, rms_norm_backward
from training.train.fused.rotary import Angles


class FusedDecoder:
    """Computes the last hidden states of `model`, with gradients for its adapter.

    Without `keep_all`, the backward pass computes most of each layer again: less memory, more time.
    """

    def __init__(self, model: PeftModel, *, keep_all: bool) -> None:
        decoder = cast("Any", model.get_base_model()).model
        self.blocks = [Block(layer) for layer in decoder.layers]
        self.keep_all = keep_all
        self._embedding, self._angles, self.norm = (
            decoder.embed_tokens, decoder.rotary_emb, decoder.norm,
        )  # fmt: skip
        self._parameters = [
            parameter
            for block in self.blocks
            for linears in block.linears
            for parameter in linears.parameters
        ]

    @staticmethod
    def supports(model: PeftModel) -> bool:
        """Whether the model is one that the kernels know: plain LoRA on all linears, over NF4."""
        causal = cast("Any", model.get_base_model())
        return all(Block.supported(cast("nn.Module", layer)) for layer in causal.model.layers)

    def __call__(self, input_ids: Tensor, position_ids: Tensor, bounds: Bounds) -> Tensor:
        """The hidden states after the last norm, of shape (rows, tokens, hidden size).

        `bounds` are those of the examples of all rows, laid end to end.
        """
        with torch.autocast(input_ids.device.type, enabled=False):
            hidden = self._embedding(input_ids)
            cos, sin = self._angles(hidden, position_ids)
            angles = cos.flatten(0, 1), sin.flatten(0, 1)
            for block in self.blocks:
                for linears in block.linears:
                    linears.refresh(hidden.dtype)
            inputs = hidden.flatten(0, 1), angles, bounds, self
            out = cast("Tensor", _Decode.apply(*inputs, *self._parameters))
        return out.view_as(hidden)


class _Decode(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's own context
        hidden: Tensor,
        angles: Angles,
        bounds: Bounds,
        decoder: FusedDecoder,
        *_parameters: Tensor,
    ) -> Tensor:
        kept: list[Activations] = []
        for block in decoder.blocks:
            hidden, activations = block.forward(hidden, angles, bounds, keep_all=decoder.keep_all)
            kept.append(activations)
        ctx.last, ctx.kept, ctx.given = hidden, kept, (angles, bounds, decoder)
        return rms_norm(hidden, decoder.norm.weight, decoder.norm.variance_epsilon)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        angles, bounds, decoder = cast("tuple[Angles, Bounds, FusedDecoder]", ctx.given)
        norm, last = decoder.norm, ctx.last
        gradient = rms_norm_backward(
            slopes[0].contiguous(), last, norm.weight, norm.variance_epsilon, torch.zeros_like(last)
        )
        ctx.last = None
        found: list[list[Tensor]] = []
        kept = cast("list[Activations]", ctx.kept)
        for block in reversed(decoder.blocks):
            gradient, gradients = block.backward(gradient, kept.pop(), angles, bounds)
            found.append(gradients)
        parameters = [each for gradients in reversed(found) for each in gradients]
        return None, None, None, None, *parameters
