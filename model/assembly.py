"""Builds the engine from the settings. It imports torch, which takes seconds."""

import logging
from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import cast

import torch
from transformers import GenerationConfig, PretrainedConfig, PreTrainedTokenizerBase

from model.engine.api import AdapterCard, ReadyAdapter
from model.engine.cache import BlockPool
from model.engine.engine import TokenEngine
from model.engine.scheduler import Scheduler
from model.errors import ConfigError, ModelError
from model.grammar.compiler import GrammarCompiler
from model.loaded import LoadedModel
from model.loading.adapter_sources import named_adapters
from model.loading.adapters import Adapter, linear_shapes, load_adapter
from model.loading.base import Progress, ResolvedBase, no_progress, resolve_base
from model.loading.quantised import (
    check_architecture,
    default_device,
    is_out_of_memory,
    load_quantised,
)
from model.loading.registry import Registry
from model.runner.cpu.runner import PackedRunner
from model.runner.cpu.weights import packed_matrices, refusal, take_packed
from model.runner.eager import SamplingRunner, TorchRunner
from model.runner.gpu.choice import choose_weights, graph_runner
from model.runner.gpu.runner import GraphRunner
from model.runner.gpu.tiled_weights import is_tiled
from model.runner.lora import LoraAdapters, LoraParts
from model.runner.self_check import SelfCheck
from model.runner.weights import Compute, Weights, best_compute, loading_dtype
from model.settings import WorkerSettings
from model.text.codec import ChatTurn
from model.text.tokenizer_codec import TokenizerCodec
from model.text.vocabulary_bytes import vocabulary_bytes

log = logging.getLogger(__name__)

_BLOCK_TOKENS = 32
_CPU_CACHE_MB = 384
_SOME_TURNS = [
    ChatTurn(
        "user",
        "The lighthouse keeper wrote to his sister: the storm took the boat and two nets, but the "
        "lamp is lit, the hens are well, and on Sunday there will be bread. What did she answer?",
    )
]
_GPU_CACHE_SHARE = 0.6  # of the memory that is free after the weights are loaded


def load(settings: WorkerSettings, progress: Progress) -> LoadedModel:
    """Load the base and the adapters that the settings and the registry name.

    Raises ConfigError, AdapterMismatch, UnsupportedArchitecture or DemoModelError, one line each.
    """
    base = resolve_base(settings.base_model, settings.fungpt_home, progress)
    config = check_architecture(base)
    adapters = load_adapters(settings, base, config, progress)
    progress(f"loading {base.id}", None)
    return assemble(settings, base, config, adapters, progress=progress)


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


def assemble(
    settings: WorkerSettings,
    base: ResolvedBase,
    config: PretrainedConfig,
    adapters: Sequence[Adapter],
    today: date | None = None,
    progress: Progress = no_progress,
) -> LoadedModel:
    """Load `base` in 4 bits and build its engine with these adapters and the settings' limits.

    `today` is the date that the chat template is told, today's when None. Raises ConfigError, one
    line, when the base cannot be loaded or does not fit into memory, and UnsupportedArchitecture
    when it is computed otherwise here than in transformers.
    """
    try:
        return _assemble(settings, base, config, adapters, today, progress)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
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
    progress: Progress,
) -> LoadedModel:
    device = default_device()
    compute = choose_compute(settings.cpu_compute, device, config)
    dtype = loading_dtype(compute, device)
    model, tokenizer = load_quantised(base, compute_dtype=dtype, trainable=False, device=device)
    max_context = longest_context(config, settings.max_context)
    embedding = cast("torch.Tensor", model.get_input_embeddings().weight)
    codec = TokenizerCodec(tokenizer, today, len(embedding))
    some_ids = codec.encode_chat(_SOME_TURNS)
    check = SelfCheck(base, compute, settings, max_context, some_ids, plain_runner)
    if compute is Compute.INT8:
        take = partial(take_packed, model, max_context)
    else:
        take = partial(choose_weights, model, compute, max_context, settings, _BLOCK_TOKENS)
    weights = check.weights(model, take, progress)
    eos_ids = end_ids(model.generation_config, tokenizer) | codec.ends
    del model, take, embedding
    grammars = GrammarCompiler(lambda: vocabulary_bytes(tokenizer, weights.vocab_size), eos_ids)
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
        constrain=grammars.begin,
    )


def _place(stacks: LoraAdapters, card: AdapterCard, parts: LoraParts) -> None:
    try:
        stacks.add(card, parts)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
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
    device = weights.embedding.device.type
    if is_tiled(weights):
        runner = graph_runner(weights, stacks, pool, settings, max_context)
    else:
        runner = plain_runner(weights, stacks, pool.capacity)
    return TokenEngine(
        runner,
        Scheduler(
            pool,
            max_running=settings.running_rows(device),
            max_waiting=settings.max_waiting,
            prefill_chunk=settings.chunk_tokens(device),
            small_step=runner.most if isinstance(runner, GraphRunner) else 0,
        ),
        pool,
        adapters=stacks.cards,
        max_context=max_context,
        eos_ids=eos_ids,
    )


def plain_runner(weights: Weights, adapters: LoraAdapters, cache_tokens: int) -> SamplingRunner:
    """The runner that reads prompts with these weights, and decodes where none does it faster."""
    if matrices := packed_matrices(weights):
        return PackedRunner(weights, matrices, adapters, cache_tokens)
    return TorchRunner(weights, adapters, cache_tokens)


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
