"""How much memory training takes, and what to do when there is too little."""

import resource
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import torch
from peft import PeftModel
from transformers import PretrainedConfig, PreTrainedModel

from training.errors import OutOfMemory
from training.recipe import Recipe, Schedule

MIB = 1024**2
_SPARE = 0.8  # of the free memory: the rest is for fragments, the optimiser, gradients
_WORKSPACE = 3 * 2**29  # bytes: unpacked weights and logits, whatever the number of layers
_CPU_WORDS = ("DefaultCPUAllocator", "can't allocate memory")


def peak_mib(device: torch.device) -> float:
    """The most memory that this process has held so far, in MiB: of the GPU, or of RAM on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / MIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux


def activation_bytes(
    config: PretrainedConfig, tokens: int, bytes_per_value: int, *, fused: bool = False
) -> int:
    """What a forward pass over `tokens` tokens keeps for the backward pass without checkpointing.

    Per token and layer about 10 vectors of the hidden size (residuals, norms, queries, keys,
    values, attention's output, the adapters' inputs) and 6 of the inner size (gate, up, their
    product, the adapters' inputs): 16.6 GiB for 2,048 tokens of Mistral-7B in bfloat16
    (docs/experiments.md has what was measured). The fused decoder keeps 5 (input, residual,
    attention's output, and queries, keys and values with at most as many heads) and 2: 6.3 GiB.
    """
    per_layer = 10 * config.hidden_size + 6 * config.intermediate_size
    if fused:
        per_layer = 5 * config.hidden_size + 2 * config.intermediate_size
    return tokens * config.num_hidden_layers * per_layer * bytes_per_value


def use_checkpointing(
    config: PretrainedConfig,
    schedule: Schedule,
    dtype: torch.dtype,
    device: torch.device,
    *,
    fused: bool = False,
) -> bool:
    """Whether to compute layers again in the backward pass: as the recipe says.

    `auto` means: on a GPU whose free memory could not hold the activations, which are fewer for the
    fused decoder.
    """
    if schedule.checkpointing != "auto":
        return schedule.checkpointing == "on"
    if device.type == "cpu":
        return False
    tokens = schedule.row_tokens
    if schedule.layout == "padded":
        tokens = schedule.batch_size * schedule.max_tokens
    free, _ = torch.cuda.mem_get_info(device)
    needed = activation_bytes(config, tokens, dtype.itemsize, fused=fused)
    return needed > _SPARE * free - _WORKSPACE


def switch_checkpointing_on(model: PreTrainedModel, dropout: float) -> None:
    """Keep only each layer's input, and compute the rest again (Chen and others, 2016).

    With dropout, the random state is kept too, so that the same values are dropped again; without,
    a CUDA graph can capture the layers.
    """
    model.activation_checkpointing_enable(
        {"use_reentrant": False, "preserve_rng_state": dropout > 0}
    )


def checkpointing_is_on(model: PeftModel) -> bool:
    """Whether `switch_checkpointing_on` was called for the model under this adapter."""
    decoder = cast("Any", model.get_base_model()).model
    return any(layer.gradient_checkpointing for layer in decoder.layers)


@contextmanager
def memory_advice(recipe: Recipe) -> Generator[None]:
    """Raise OutOfMemory, one line that says which settings to lower, when memory runs out inside.

    Other errors pass unchanged.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(_advice(recipe, "the GPU")) from error
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, RuntimeError) and not any(w in str(error) for w in _CPU_WORDS):
            raise
        raise OutOfMemory(_advice(recipe, "this machine")) from error


def _advice(recipe: Recipe, where: str) -> str:
    schedule = recipe.schedule
    smaller = f"lower schedule.row_tokens (now {schedule.row_tokens})"
    if schedule.layout == "padded":
        smaller = (
            f"lower schedule.batch_size (now {schedule.batch_size}) and raise "
            f"schedule.accumulation (now {schedule.accumulation}) by as much"
        )
    if schedule.checkpointing != "on":
        smaller = f'set schedule.checkpointing = "on" or {smaller}'
    return (
        f"{where} has too little memory: {smaller}, and the same command goes on from the last "
        f"checkpoint; or begin anew with a lower lora.r (now {recipe.lora.r}) or "
        f"schedule.max_tokens (now {schedule.max_tokens})"
    )
