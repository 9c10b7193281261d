"""Names of adapters, and lists of them as people write them: `name=source,name=source`."""

import re
from collections.abc import Iterator

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def is_adapter_name(name: str) -> bool:
    """Whether an adapter can have this name: it is also a folder's name, and "base" is taken."""
    return bool(_NAME.fullmatch(name)) and name != "base"


def check_name(name: str) -> str:
    """Return the name; raises ValueError when no adapter can have it."""
    if not is_adapter_name(name):
        raise ValueError(
            f"{name!r} cannot name an adapter: up to 64 letters, digits, _ . -, and not 'base'"
        )
    return name


def named_values(text: str) -> Iterator[tuple[str, str | None]]:
    """Read `name=value,name` in order; the value is None where there is no equals sign.

    Blanks around names and values, and empty entries, do not count. Raises ValueError for a name
    that comes twice.
    """
    seen: set[str] = set()
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (part.strip() for part in entry.partition("="))
        if name in seen:
            raise ValueError(f"{name} is named twice")
        seen.add(name)
        yield name, value if equals else None


def parse_adapters(text: str) -> dict[str, str]:
    """Read `name=source,name=source`, or `none`: each adapter's folder or hub id by its name.

    Raises ValueError, which says what is wrong with which entry.
    """
    if text.strip() == "none":
        return {}
    adapters: dict[str, str] = {}
    for name, source in named_values(text):
        if not source:
            raise ValueError(f"{name!r} is not of the form name=folder or name=hub id")
        adapters[check_name(name)] = source
    return adapters
