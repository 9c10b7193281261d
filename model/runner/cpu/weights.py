"""A loaded model's weights for the compiled step, where it can compute them."""

from dataclasses import replace

import torch
from transformers import PretrainedConfig, PreTrainedModel

from model.loading.adapters import head_dim
from model.runner.cpu.compiled import openmp
from model.runner.cpu.isa import instructions
from model.runner.cpu.packing import BLOCK, TILE, PackedMatrix, pack
from model.runner.weights import Weights, gather


def refusal(config: PretrainedConfig | None = None) -> str | None:
    """Why the compiled step cannot run here, or cannot compute a model; None where it can."""
    if instructions() is None or openmp() is None:
        return "it needs Linux on a processor with AVX2"
    if config is None:
        return None
    size, heads = head_dim(config), config.num_attention_heads
    if size % TILE:
        return f"attention heads have {size} dimensions, no multiple of {TILE}"
    inputs = (config.hidden_size, config.intermediate_size, heads * size)
    if wrong := [width for width in inputs if width % BLOCK]:
        return f"a matrix has {wrong[0]} inputs, no multiple of {BLOCK}"
    return None


def take_packed(model: PreTrainedModel, max_context: int) -> Weights:
    """Take the weights out of a loaded model for which `refusal` has none."""
    weights = gather(model, max_context, torch.float32, pack)
    return replace(weights, cache_dtype=torch.float16)


def packed_matrices(weights: Weights) -> list[PackedMatrix] | None:
    """All matrices, four a layer and the vocabulary's; None where they were taken otherwise."""
    found: list[object] = []
    for layer in weights.layers:
        found += (layer.qkv, layer.o, layer.gate_up, layer.down)
    found.append(weights.head)
    matrices = [matrix for matrix in found if isinstance(matrix, PackedMatrix)]
    return matrices if len(matrices) == len(found) else None
