"""What one text of a file may be."""

from data.errors import DatasetError

CELL_LIMIT = 1_000_000


def text_of(where: str, key: str, value: object) -> str:
    """The value as a text, empty for none; DatasetError naming the place and the key."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DatasetError(f"{where}: {key} must be a text, not {type(value).__name__}")
    if len(value) > CELL_LIMIT:
        raise DatasetError(
            f"{where}: {key} has {len(value):,} characters, at most {CELL_LIMIT:,} are allowed: "
            "cut it or remove the row"
        )
    if "\0" in value:
        raise DatasetError(
            f"{where}: {key} holds a NUL (character {value.index(chr(0)) + 1}): remove it, "
            "or save the file as UTF-8 if it is UTF-16"
        )
    return value
