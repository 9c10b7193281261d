"""Which runner computes a model: the GPU's own kernels where they can, torch elsewhere."""

import logging

import torch
from transformers import PreTrainedModel

from model.engine.cache import BlockPool
from model.runner.eager import TorchRunner
from model.runner.gpu.compiler import KernelError
from model.runner.gpu.kernel_set import ROWS
from model.runner.gpu.runner import GraphRunner
from model.runner.gpu.steps import GraphSteps
from model.runner.gpu.tiled_weights import is_tiled, take_tiled
from model.runner.lora import LoraAdapters
from model.runner.weights import Compute, Weights, take_weights
from model.settings import WorkerSettings

log = logging.getLogger(__name__)

_FOLDER = "kernels"


def choose_weights(
    model: PreTrainedModel,
    compute: Compute,
    max_context: int,
    settings: WorkerSettings,
    block_tokens: int,
) -> Weights:
    """Take a loaded model's weights in tiles where a GPU can compute them so, else as they are.

    The log says in one line why a GPU does not get them; what was compiled stays in `FUNGPT_HOME`.
    """
    if model.device.type == "cuda" and settings.gpu_compute != "nf4":
        try:
            size = cache_dtype(settings, torch.bfloat16).itemsize
            folder = settings.fungpt_home / _FOLDER
            return take_tiled(model, max_context, folder, block_tokens, size)
        except KernelError as error:
            reason = str(error).splitlines()[0]
            log.warning("decoding with bitsandbytes' kernels, which are slower: %s", reason)
    return take_weights(model, compute, max_context)


def cache_dtype(settings: WorkerSettings, dtype: torch.dtype) -> torch.dtype:
    """The numbers in which keys and values are kept, for a model that computes in `dtype`."""
    return torch.float8_e4m3fn if settings.kv_cache_dtype == "fp8" else dtype


def choose_runner(
    weights: Weights,
    adapters: LoraAdapters,
    pool: BlockPool,
    settings: WorkerSettings,
    max_context: int,
) -> TorchRunner | GraphRunner:
    """The fastest runner that can compute these weights over the pool's blocks, ready to run."""
    cache = cache_dtype(settings, weights.dtype)
    if not is_tiled(weights):
        return TorchRunner(weights, adapters, pool.capacity, cache)
    rows = settings.running_rows("cuda")
    # One spare block takes what the empty places of a step write.
    prompts = TorchRunner(weights, adapters, pool.capacity + pool.block_size, cache)
    steps = GraphSteps(
        weights,
        prompts.cache,
        settings.fungpt_home / _FOLDER,
        block_tokens=pool.block_size,
        slots=rows,
        max_context=min(max_context, pool.capacity),
    )
    runner = GraphRunner(
        prompts,
        adapters,
        steps,
        block_tokens=pool.block_size,
        max_rows=rows,
        most=ROWS[-1],
        vocab_size=weights.vocab_size,
    )
    runner.follow_adapters()
    steps.warm_up(adapters=bool(adapters.cards))
    return runner
