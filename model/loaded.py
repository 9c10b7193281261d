"""What loading hands to the service."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from model.engine.api import AdapterCard, Engine, ReadyAdapter
from model.text.codec import Codec


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """An engine with its codec; `adapters` maps variant names, without "base".

    `read_adapter(name, source)` reads one more for the engine's `adopt`, in any thread; it raises
    a ModelError when the adapter cannot be read or does not fit.
    """

    engine: Engine
    codec: Codec
    model_id: str
    adapters: Mapping[str, AdapterCard]
    read_adapter: Callable[[str, str], ReadyAdapter]
