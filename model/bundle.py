"""What loading hands to the service."""

from collections.abc import Mapping
from dataclasses import dataclass

from model.codec import Codec
from model.engine_api import Engine


@dataclass(frozen=True, slots=True)
class AdapterCard:
    """One adapter as served: its variant name, the hash of its weights, where it came from."""

    name: str
    hash: str
    source: str


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """An engine with its codec; `adapters` maps variant names, without "base"."""

    engine: Engine
    codec: Codec
    model_id: str
    adapters: Mapping[str, AdapterCard]
