"""Whole numbers out of files."""

from data.errors import DatasetError


def whole(where: str, key: str, value: object) -> int | None:
    """The value as a whole number, None for none; DatasetError naming the place and the key."""
    if value is None or value == "":
        return None
    try:
        if isinstance(value, (int, str)):
            return int(value)
    except ValueError:
        pass
    raise DatasetError(f"{where}: {key} must be a whole number, not {str(value)[:40]!r}")
