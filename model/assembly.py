"""Puts the engine together from the settings. Imports torch: import it in the engine's thread."""

import logging
from collections.abc import Sequence
from datetime import date

import torch
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from model.engine.api import BASE, AdapterCard, ReadyAdapter
from model.engine.cache import BlockPool
from model.engine.engine import TokenEngine
from model.engine.scheduler import Scheduler
from model.errors import ConfigError, ModelError
from model.loaded import LoadedModel
from model.loading.adapters import Adapter, linear_shapes, load_adapter
from model.loading.base import Progress, ResolvedBase, no_progress, resolve_base
from model.loading.names import named_adapters
from model.loading.quantised import check_architecture, default_device, load_quantised
from model.loading.registry import Registry
from model.runner.eager import TorchRunner
from model.runner.lora import LoraAdapters, LoraParts
from model.runner.weights import Compute, Weights, best_compute, loading_dtype, take_weights
from model.settings import WorkerSettings
from model.text.codec import ChatTurn
from model.text.detokenize import IncrementalDetokenizer
from model.text.prompt import PromptRenderer

log = logging.getLogger(__name__)

BASE_VARIANT = BASE
_BLOCK_TOKENS = 32
_CPU_CACHE_MB = 384
_GPU_CACHE_SHARE = 0.6  # of the memory that is free once the weights are there


class TokenizerCodec:
    """Text to ids and back with the model's own tokenizer; implements `model.text.codec.Codec`.

    `today` is the date that the chat template is told, today's when None. Raises ConfigError, one
    line, when the template renders no conversation.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, today: date | None = None) -> None:
        self._tokenizer = tokenizer
        self._renderer = PromptRenderer(tokenizer, today)

    @property
    def ends(self) -> frozenset[int]:
        """The tokens with which the chat template ends an answer."""
        return self._renderer.ends

    def encode_chat(self, turns: Sequence[ChatTurn]) -> list[int]:
        """The prompt's ids; BadParameter when the template refuses the turns."""
        return self._renderer.encode(turns)

    def new_detokenizer(self) -> IncrementalDetokenizer:
        """A detokenizer for one row."""
        return IncrementalDetokenizer(self._tokenizer)


def load(settings: WorkerSettings, progress: Progress) -> LoadedModel:
    """Load base and adapters and build the engine; ConfigError and its kin are one line each."""
    base = resolve_base(settings.base_model, settings.fungpt_home, progress)
    config = check_architecture(base)
    adapters = load_adapters(settings, base, config, progress)
    progress(f"loading {base.id}", None)
    try:
        return _build(settings, base, config, adapters)
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        raise ConfigError(
            f"{base.id} does not fit into memory: lower KV_CACHE_MB or MAX_CONTEXT, or choose a "
            "smaller BASE_MODEL"
        ) from error


def load_adapters(
    settings: WorkerSettings, base: ResolvedBase, config: PretrainedConfig, progress: Progress
) -> list[Adapter]:
    """The adapters to begin with: the registry's, and the settings' under the other names.

    What was promoted for another base, or is damaged, is logged and left out: it does not stop
    the start, and the settings' adapter of that name serves.
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


def _build(
    settings: WorkerSettings,
    base: ResolvedBase,
    config: PretrainedConfig,
    adapters: Sequence[Adapter],
) -> LoadedModel:
    device = default_device()
    compute = choose_compute(settings.cpu_compute, device)
    dtype = loading_dtype(compute, device)
    model, tokenizer = load_quantised(base, compute_dtype=dtype, trainable=False, device=device)
    codec = TokenizerCodec(tokenizer)
    max_context = longest_context(config, settings.max_context)
    weights = take_weights(model, compute, max_context)
    eos_ids = end_ids(model, tokenizer) | codec.ends
    del model
    stacks = stack_adapters(adapters, config, weights)

    def read_adapter(name: str, source: str) -> ReadyAdapter:
        adapter = load_adapter(name, source, base, config, no_progress)
        parts = stacks.split(adapter)
        return ReadyAdapter(adapter.card, lambda: _place(stacks, adapter.card, parts))

    return LoadedModel(
        engine=_engine(settings, weights, stacks, adapters, eos_ids, max_context),
        codec=codec,
        model_id=base.id,
        adapters={adapter.name: adapter.card for adapter in adapters},
        read_adapter=read_adapter,
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
    """The adapters' weights as the runner takes them."""
    return LoraAdapters(
        adapters,
        linear_shapes(config),
        len(weights.blocks),
        weights.dtype,
        weights.embedding.device,
    )


def build_engine(
    settings: WorkerSettings,
    config: PretrainedConfig,
    weights: Weights,
    adapters: Sequence[Adapter],
    eos_ids: set[int],
    max_context: int,
) -> TokenEngine:
    """An engine over these weights and adapters, with the settings' limits."""
    stacks = stack_adapters(adapters, config, weights)
    return _engine(settings, weights, stacks, adapters, eos_ids, max_context)


def _engine(
    settings: WorkerSettings,
    weights: Weights,
    stacks: LoraAdapters,
    adapters: Sequence[Adapter],
    eos_ids: set[int],
    max_context: int,
) -> TokenEngine:
    blocks = cache_tokens(settings.kv_cache_mb, weights) // _BLOCK_TOKENS
    if blocks == 0:
        raise ConfigError(f"KV_CACHE_MB={settings.kv_cache_mb} holds less than one block of tokens")
    pool = BlockPool(blocks, _BLOCK_TOKENS)
    return TokenEngine(
        TorchRunner(weights, stacks, pool.capacity),
        Scheduler(
            pool,
            max_running=settings.max_running,
            max_waiting=settings.max_waiting,
            prefill_chunk=settings.prefill_chunk,
        ),
        pool,
        adapters=[adapter.card for adapter in adapters],
        max_context=max_context,
        eos_ids=eos_ids,
    )


def choose_compute(setting: str, device: torch.device) -> Compute:
    """The compute path: what `CPU_COMPUTE` says on a CPU, the best measured one otherwise."""
    if setting == "auto" or device.type != "cpu":
        return best_compute(device)
    compute = Compute(setting)
    if compute is Compute.PACKED and best_compute(device) is not Compute.PACKED:
        raise ConfigError("CPU_COMPUTE=packed needs a CPU with avx512_bf16: use auto")
    return compute


def longest_context(config: PretrainedConfig, wanted: int) -> int:
    """The context in tokens: no longer than the model's own, nor than a sliding window it has."""
    window = getattr(config, "sliding_window", None) or config.max_position_embeddings
    return min(wanted, config.max_position_embeddings, window)


def cache_tokens(megabytes: int | None, weights: Weights) -> int:
    """How many tokens' keys and values fit into so many MiB, or into the device's default."""
    per_token = 2 * weights.kv_heads * weights.head_dim * weights.dtype.itemsize
    device = weights.embedding.device
    if megabytes is not None:
        room = megabytes * 2**20
    elif device.type == "cuda":
        room = int(torch.cuda.mem_get_info(device)[0] * _GPU_CACHE_SHARE)
    else:
        room = _CPU_CACHE_MB * 2**20
    return room // (per_token * len(weights.blocks))


def end_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Every token that ends an answer as the model's files say; a template may have another."""
    configured = model.generation_config.eos_token_id if model.generation_config else None
    ids = configured if isinstance(configured, list) else [configured]
    return {id_ for id_ in (*ids, tokenizer.eos_token_id) if isinstance(id_, int)}
