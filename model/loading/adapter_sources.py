"""What the name of an adapter means, in one place for the worker, `evaluate` and the doctor.

The version that was promoted under the name answers; without one, the adapter that the setting
ADAPTERS gives the name. This module does not import torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model.errors import ConfigError
from model.loading.names import parse_adapters
from model.loading.registry import Registry

DEMO = "demo"
SHIPPED_ADAPTER = Path(__file__).resolve().parents[2] / "data" / "adapters" / "demo"


@dataclass(frozen=True, slots=True)
class NamedAdapter:
    """Where the adapter called `name` may lie; at least one of the two places is known.

    `promoted` is its folder in the registry, `configured` the folder or hub id of the settings.
    """

    name: str
    promoted: Path | None
    configured: str | None

    @property
    def source(self) -> str:
        """The folder or hub id of the adapter that answers."""
        return str(self.promoted) if self.promoted is not None else self.configured or ""


def named_adapters(registry: Registry, configured: Mapping[str, str]) -> tuple[NamedAdapter, ...]:
    """Every name that an adapter has: those of the settings first, then the other promoted ones.

    A damaged entry of the registry is logged and counts as not promoted.
    """
    promoted = registry.promoted()
    names = dict.fromkeys([*configured, *promoted])
    return tuple(NamedAdapter(name, promoted.get(name), configured.get(name)) for name in names)


def adapter_source(name: str, registry: Registry, configured: Mapping[str, str]) -> str:
    """The folder or hub id of the adapter that answers as `name`.

    Raises ConfigError if no adapter has the name, or if the registry's entry is damaged.
    """
    folder = registry.folder(name)
    if folder is not None:
        return str(folder)
    if name in configured:
        return configured[name]
    known = ", ".join(one.name for one in named_adapters(registry, configured)) or "none"
    raise ConfigError(f"no adapter {name}; there are: {known}")


def configured_adapters(text: str | None, base_model: str) -> dict[str, str]:
    """The adapters of the setting ADAPTERS, a folder or hub id by name.

    Without the setting (None) the demo model has the shipped adapter as `tuned`, other bases have
    none. Raises ConfigError if the text is not as `parse_adapters` wants it.
    """
    if text is None:
        return {"tuned": str(SHIPPED_ADAPTER)} if base_model == DEMO else {}
    try:
        return parse_adapters(text)
    except ValueError as error:
        raise ConfigError(f"ADAPTERS={text!r} is not allowed: {error}") from error
