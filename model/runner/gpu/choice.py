"""Which runner computes a model: the GPU's own kernels where they can, torch elsewhere."""

import logging
from dataclasses import replace

import torch
from transformers import PreTrainedModel

from model.engine.cache import BlockPool
from model.runner.eager import TorchRunner
from model.runner.gpu.compiler import KernelError
from model.runner.gpu.kernel_set import ROWS
from model.runner.gpu.runner import GraphRunner
from model.runner.gpu.steps import GraphSteps
from model.runner.gpu.tiled_weights import take_tiled
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
    on_gpu = model.device.type == "cuda"
    kept = torch.float8_e4m3fn if on_gpu and settings.kv_cache_dtype == "fp8" else None
    if on_gpu and settings.gpu_compute != "nf4":
        try:
            folder = settings.fungpt_home / _FOLDER
            return take_tiled(model, max_context, folder, block_tokens, kept)
        except KernelError as error:
            reason = str(error).splitlines()[0]
            log.warning("decoding with bitsandbytes' kernels, which are slower: %s", reason)
    weights = take_weights(model, compute, max_context)
    return weights if kept is None else replace(weights, cache_dtype=kept)


def graph_runner(
    weights: Weights,
    adapters: LoraAdapters,
    pool: BlockPool,
    settings: WorkerSettings,
    max_context: int,
) -> GraphRunner:
    """The runner for weights in tiles (`is_tiled`) over the pool's blocks, ready to run."""
    rows = settings.running_rows("cuda")
    # One spare block takes what the empty places of a step write.
    prompts = TorchRunner(weights, adapters, pool.capacity + pool.block_size)
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
