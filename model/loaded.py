"""What a loader is given and what it returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from model.engine.api import AdapterCard, Engine, ReadyAdapter
from model.grammar.wish import Constrain
from model.loading.base import Progress
from model.text.codec import Codec


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready to answer.

    `adapters` maps variant names, without "base", to what is served under them at the start.
    `read_adapter(name, source)` reads one more adapter, a folder or a hub id, for the engine's
    `add_adapter`. Any thread may call it. It raises a ModelError when the adapter cannot be read
    or does not fit. `compute` says in words how and where the model computes. `constrain` makes
    the constraints of answers by a grammar; None where there are none.
    """

    engine: Engine
    codec: Codec
    model_id: str
    adapters: Mapping[str, AdapterCard]
    read_adapter: Callable[[str, str], ReadyAdapter]
    compute: str
    constrain: Constrain | None = None


# Loads a model in the engine's thread; raises a ModelError, one line, when it cannot be served.
Loader = Callable[[Progress], LoadedModel]
