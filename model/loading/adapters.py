"""Reads adapters in peft's format, and refuses those that do not fit the base."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers import PretrainedConfig

from model.engine.api import AdapterCard
from model.errors import AdapterMismatch, ConfigError
from model.loading.base import Progress, ResolvedBase, hub_snapshot, local_folder
from model.loading.manifest import CONFIG, WEIGHTS, file_sha256, read_manifest
from model.loading.peft_config import PeftConfig

LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_KEY = re.compile(
    r"base_model\.model\.model\.layers\.(?P<layer>\d+)\.(?:self_attn|mlp)\."
    rf"(?P<linear>{'|'.join(LINEARS)})\.lora_(?P<side>[AB])\.weight"
)


@dataclass(frozen=True, slots=True)
class LoraPair:
    """A of shape (rank, in) and B of shape (out, rank), both float32, and the factor of B·A."""

    a: Tensor
    b: Tensor
    scaling: float = 1.0

    def delta(self) -> Tensor:
        """What the adapter adds to the weight, of shape (out, in), computed as peft does."""
        return (self.b @ self.a) * self.scaling


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter that was read; `pairs` has its weights by layer number and linear's name.

    Two adapters with one `hash` give the same answers.
    """

    name: str
    source: str
    hash: str
    pairs: dict[tuple[int, str], LoraPair]

    @property
    def card(self) -> AdapterCard:
        """The card that the engine knows the adapter by."""
        return AdapterCard(self.name, self.hash, self.source)


def load_adapter(
    name: str, source: str, base: ResolvedBase, config: PretrainedConfig, progress: Progress
) -> Adapter:
    """Read the adapter `source`, a folder or a hub id, for `base`.

    Raises ConfigError when it cannot be read or needs what the worker does not support, and
    AdapterMismatch, which names adapter and base, when it was made for another base.
    """
    folder = local_folder(source)
    if folder is None:
        folder = hub_snapshot(source, f"ADAPTERS: {name}={source}", progress)
    peft = _read_config(name, folder)
    manifest = read_manifest(folder)
    if manifest is not None and manifest.base.hash != base.hash:
        raise AdapterMismatch(
            f"adapter {name} ({source}) was trained on {manifest.base.id} ({manifest.base.hash}), "
            f"not on this base {base.id} ({base.hash})"
        )
    try:
        tensors = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"adapter {name}: {folder / WEIGHTS} cannot be read: {error}") from error
    pairs = _pairs(name, base, peft, tensors)
    _check_shapes(name, source, base, config, pairs)
    _check_finite(name, folder, pairs)
    return Adapter(name, source, _identity(folder, base, pairs), pairs)


def _identity(folder: Path, base: ResolvedBase, pairs: dict[tuple[int, str], LoraPair]) -> str:
    """A hash of all that the answers depend on: the base, the weights, and each linear's factor.

    The factors hold rank, alpha, patterns and rsLoRA as they take effect.
    """
    factors = {weight_name(*place): pair.scaling for place, pair in pairs.items()}
    told = {"base": base.hash, "weights": file_sha256(folder / WEIGHTS), "factors": factors}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return f"lora-sha256:{digest}"


def _read_config(name: str, folder: Path) -> PeftConfig:
    path = folder / CONFIG
    try:
        config = PeftConfig.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(map(str, detail["loc"])) or "the file"
        raise ConfigError(f"adapter {name}: {path}: {place}: {detail['msg']}") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"adapter {name}: {path} cannot be read: {error}") from error
    if (needed := config.unsupported()) is not None:
        raise ConfigError(f"adapter {name} needs {needed}, which this worker does not serve")
    return config


def _pairs(
    name: str, base: ResolvedBase, config: PeftConfig, tensors: dict[str, Tensor]
) -> dict[tuple[int, str], LoraPair]:
    sides: dict[tuple[int, str], dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        found = _KEY.fullmatch(key)
        if found is None:
            raise AdapterMismatch(
                f"adapter {name} changes {key}, which does not fit {base.id}: "
                f"only {', '.join(LINEARS)} can be adapted"
            )
        place = (int(found["layer"]), found["linear"])
        sides.setdefault(place, {})[found["side"]] = tensor.float()
    if not sides:
        raise ConfigError(f"adapter {name} is empty: it holds no LoRA weights")
    pairs: dict[tuple[int, str], LoraPair] = {}
    for (layer, linear), both in sides.items():
        if both.keys() != {"A", "B"}:
            raise ConfigError(
                f"adapter {name} is damaged: half of layer {layer} {linear} is missing"
            )
        if not _is_product(both["A"], both["B"]):
            raise ConfigError(
                f"adapter {name} is damaged: layer {layer} {linear} has A of shape "
                f"{tuple(both['A'].shape)} and B of shape {tuple(both['B'].shape)}"
            )
        module = weight_name(layer, linear).removesuffix(".weight")
        scaling = config.scaling(module, both["A"].shape[0])
        pairs[layer, linear] = LoraPair(both["A"], both["B"], scaling)
    return pairs


def _check_finite(name: str, folder: Path, pairs: dict[tuple[int, str], LoraPair]) -> None:
    """Refuse numbers that are not finite in bfloat16, the narrowest range that is served.

    B counts with the scaling, as the runner holds it.
    """
    for (layer, linear), pair in pairs.items():
        for matrix in (pair.a, pair.b * pair.scaling):
            if not matrix.bfloat16().isfinite().all():
                raise ConfigError(
                    f"adapter {name} is damaged: {folder / WEIGHTS} holds numbers in layer "
                    f"{layer} {linear} that are not finite"
                )


def _is_product(a: Tensor, b: Tensor) -> bool:
    return a.dim() == b.dim() == 2 and b.shape[1] == a.shape[0] > 0


def weight_name(layer: int, linear: str) -> str:
    """The name of a linear's weight in the base model's files."""
    group = "self_attn" if linear in LINEARS[:4] else "mlp"
    return f"model.layers.{layer}.{group}.{linear}.weight"


def head_dim(config: PretrainedConfig) -> int:
    """The dimensions of one attention head; not every config says them."""
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def linear_shapes(config: PretrainedConfig) -> dict[str, tuple[int, int]]:
    """The shape (out, in) of each linear in a layer of this model."""
    hidden, inner = config.hidden_size, config.intermediate_size
    head = head_dim(config)
    queries, keys = config.num_attention_heads * head, config.num_key_value_heads * head
    return {
        "q_proj": (queries, hidden),
        "k_proj": (keys, hidden),
        "v_proj": (keys, hidden),
        "o_proj": (hidden, queries),
        "gate_proj": (inner, hidden),
        "up_proj": (inner, hidden),
        "down_proj": (hidden, inner),
    }


def _check_shapes(
    name: str,
    source: str,
    base: ResolvedBase,
    config: PretrainedConfig,
    pairs: dict[tuple[int, str], LoraPair],
) -> None:
    shapes = linear_shapes(config)
    for (layer, linear), pair in pairs.items():
        found = (pair.b.shape[0], pair.a.shape[1])
        if layer >= config.num_hidden_layers or found != shapes[linear]:
            raise AdapterMismatch(
                f"adapter {name} ({source}) does not fit {base.id}: it has layer {layer} {linear} "
                f"of shape {found}, the base has {config.num_hidden_layers} layers of "
                f"{shapes[linear]}"
            )
