"""Builds the engine from the settings. It imports torch, which takes seconds."""

import logging
from collections.abc import Sequence
from datetime import date

import torch
from transformers import GenerationConfig, PretrainedConfig, PreTrainedTokenizerBase

from model.engine.api import AdapterCard, ReadyAdapter
from model.engine.cache import BlockPool
from model.engine.engine import TokenEngine
from model.engine.scheduler import Scheduler
from model.errors import ConfigError, ModelError
from model.loaded import LoadedModel
from model.loading.adapter_sources import named_adapters
from model.loading.adapters import Adapter, linear_shapes, load_adapter
from model.loading.base import Progress, ResolvedBase, no_progress, resolve_base
from model.loading.quantised import check_architecture, default_device, load_quantised
from model.loading.registry import Registry
from model.runner.cpu.runner import PackedRunner
from model.runner.cpu.weights import packed_matrices, refusal, take_packed
from model.runner.gpu.choice import choose_runner, choose_weights
from model.runner.gpu.tiled_weights import is_tiled
from model.runner.lora import LoraAdapters, LoraParts
from model.runner.weights import Compute, Weights, best_compute, loading_dtype
from model.settings import WorkerSettings
from model.text.tokenizer_codec import TokenizerCodec

log = logging.getLogger(__name__)

_BLOCK_TOKENS = 32
_CPU_CACHE_MB = 384
_GPU_CACHE_SHARE = 0.6  # of the memory that is free after the weights are loaded


def load(settings: WorkerSettings, progress: Progress) -> LoadedModel:
    """Load the base and the adapters that the settings and the registry name.

    Raises ConfigError, AdapterMismatch, UnsupportedArchitecture or DemoModelError, one line each.
    """
    base = resolve_base(settings.base_model, settings.fungpt_home, progress)
    config = check_architecture(base)
    adapters = load_adapters(settings, base, config, progress)
    progress(f"loading {base.id}", None)
    return assemble(settings, base, config, adapters)


def load_adapters(
    settings: WorkerSettings, base: ResolvedBase, config: PretrainedConfig, progress: Progress
) -> list[Adapter]:
    """Read the adapters to serve at the start, the settings' names first.

    The registry's adapter of a name takes precedence over the settings' one. A promoted adapter
    that is damaged, or was made for another base, is logged and left out; the settings' adapter of
    that name is read then. Raises ConfigError or AdapterMismatch for a wrong one of the settings.
    """
    found: list[Adapter] = []
    for named in named_adapters(Registry(settings.fungpt_home), settings.adapters):
        if named.promoted is not None:
            try:
                promoted = str(named.promoted)
                found.append(load_adapter(named.name, promoted, base, config, progress))
                continue
            except ModelError as error:
                log.warning("the promoted adapter is left out: %s", error)
        if named.configured is not None:
            found.append(load_adapter(named.name, named.configured, base, config, progress))
    return found


def _is_out_of_memory(error: Exception) -> bool:
    # On a CPU, torch has no class of its own for it.
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or "can't allocate memory" in str(error)


def assemble(
    settings: WorkerSettings,
    base: ResolvedBase,
    config: PretrainedConfig,
    adapters: Sequence[Adapter],
    today: date | None = None,
) -> LoadedModel:
    """Load `base` in 4 bits and build its engine with these adapters and the settings' limits.

    `today` is the date that the chat template is told, today's when None. Raises ConfigError, one
    line, when the base cannot be loaded or does not fit into memory.
    """
    try:
        return _assemble(settings, base, config, adapters, today)
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        raise ConfigError(
            f"{base.id} does not fit into memory: lower KV_CACHE_MB or MAX_CONTEXT, or choose a "
            "smaller BASE_MODEL"
        ) from error


def _assemble(
    settings: WorkerSettings,
    base: ResolvedBase,
    config: PretrainedConfig,
    adapters: Sequence[Adapter],
    today: date | None,
) -> LoadedModel:
    device = default_device()
    compute = choose_compute(settings.cpu_compute, device, config)
    dtype = loading_dtype(compute, device)
    model, tokenizer = load_quantised(base, compute_dtype=dtype, trainable=False, device=device)
    max_context = longest_context(config, settings.max_context)
    if compute is Compute.INT8:
        weights = take_packed(model, max_context)
    else:
        weights = choose_weights(model, compute, max_context, settings, _BLOCK_TOKENS)
    codec = TokenizerCodec(tokenizer, today, weights.vocab_size)
    eos_ids = end_ids(model.generation_config, tokenizer) | codec.ends
    del model
    stacks = stack_adapters(adapters, config, weights)

    def read_adapter(name: str, source: str) -> ReadyAdapter:
        adapter = load_adapter(name, source, base, config, no_progress)
        parts = stacks.split(adapter)
        return ReadyAdapter(adapter.card, lambda: _place(stacks, adapter.card, parts))

    return LoadedModel(
        engine=build_engine(settings, weights, stacks, eos_ids, max_context),
        codec=codec,
        model_id=base.id,
        adapters={card.name: card for card in stacks.cards},
        read_adapter=read_adapter,
        compute=f"{'tiled nf4' if is_tiled(weights) else compute} on {device.type}",
    )


def _place(stacks: LoraAdapters, card: AdapterCard, parts: LoraParts) -> None:
    try:
        stacks.add(card, parts)
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        raise ConfigError(
            f"adapter {card.name} does not fit into memory beside the others"
        ) from error


def stack_adapters(
    adapters: Sequence[Adapter], config: PretrainedConfig, weights: Weights
) -> LoraAdapters:
    """The adapters' weights as the runner reads them, on the base's device and in its dtype."""
    return LoraAdapters(
        adapters,
        linear_shapes(config),
        len(weights.layers),
        weights.dtype,
        weights.embedding.device,
    )


def build_engine(
    settings: WorkerSettings,
    weights: Weights,
    stacks: LoraAdapters,
    eos_ids: set[int],
    max_context: int,
) -> TokenEngine:
    """An engine over these weights and adapters, with the settings' limits.

    `eos_ids` end an answer. `max_context` is in tokens; a smaller cache makes it shorter. Raises
    ConfigError when `KV_CACHE_MB` holds less than one block of tokens.
    """
    blocks = cache_tokens(settings.kv_cache_mb, weights) // _BLOCK_TOKENS
    if blocks == 0:
        raise ConfigError(f"KV_CACHE_MB={settings.kv_cache_mb} holds less than one block of tokens")
    pool = BlockPool(blocks, _BLOCK_TOKENS)
    if matrices := packed_matrices(weights):
        runner = PackedRunner(weights, matrices, stacks, pool.capacity)
    else:
        runner = choose_runner(weights, stacks, pool, settings, max_context)
    return TokenEngine(
        runner,
        Scheduler(
            pool,
            max_running=settings.max_running,
            max_waiting=settings.max_waiting,
            prefill_chunk=settings.prefill_chunk,
        ),
        pool,
        adapters=stacks.cards,
        max_context=max_context,
        eos_ids=eos_ids,
    )


def choose_compute(
    setting: str, device: torch.device, config: PretrainedConfig | None = None
) -> Compute:
    """The way to multiply: what `CPU_COMPUTE` says on a CPU, the fastest one otherwise.

    Without `config`, what a CPU can do for some model. Raises ConfigError for `packed` on a CPU
    that cannot do it, and for `int8` where the CPU or the model's sizes do not allow it.
    """
    if device.type != "cpu":
        return best_compute(device)
    refused = refusal(config)
    if setting == "auto":
        return Compute.INT8 if refused is None else best_compute(device)
    compute = Compute(setting)
    if compute is Compute.PACKED and best_compute(device) is not Compute.PACKED:
        raise ConfigError("CPU_COMPUTE=packed needs a CPU with avx512_bf16: use auto")
    if compute is Compute.INT8 and refused is not None:
        raise ConfigError(f"CPU_COMPUTE=int8 is not possible here, {refused}: use auto")
    return compute


def longest_context(config: PretrainedConfig, wanted: int) -> int:
    """The context in tokens: `wanted`, at most the model's own and its sliding window.

    Models with longrope positions have other ones beyond their original context. A row would change
    them in the middle, so it ends before.
    """
    limits = [wanted, config.max_position_embeddings]
    limits.append(getattr(config, "sliding_window", None) or config.max_position_embeddings)
    rope = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type") == "longrope":
        own = getattr(config, "original_max_position_embeddings", None)
        limits.append(rope.get("original_max_position_embeddings") or own or limits[1])
    return min(limits)


def cache_tokens(megabytes: int | None, weights: Weights) -> int:
    """How many tokens' keys and values fit into `megabytes` MiB.

    None means 384 MiB on a CPU and six tenths of the free memory on a GPU.
    """
    per_token = 2 * weights.kv_heads * weights.head_dim * weights.cache_dtype.itemsize
    device = weights.embedding.device
    if megabytes is not None:
        room = megabytes * 2**20
    elif device.type == "cuda":
        room = int(torch.cuda.mem_get_info(device)[0] * _GPU_CACHE_SHARE)
    else:
        room = _CPU_CACHE_MB * 2**20
    return room // (per_token * len(weights.layers))


def end_ids(config: GenerationConfig | None, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The ids that end an answer: those of the generation config, and the tokenizer's own."""
    configured = config.eos_token_id if config else None
    ids = configured if isinstance(configured, list) else [configured]
    return {id_ for id_ in (*ids, tokenizer.eos_token_id) if isinstance(id_, int)}
