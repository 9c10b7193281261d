"""Text that SQLite, JSON and a terminal can all hold."""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def clean(text: str) -> str:
    """Give `text` with each NUL and each lone surrogate replaced by U+FFFD.

    Lone surrogates have no UTF-8 form; a NUL ends the text for SQLite's own functions. Two
    surrogates that form a pair become the one character they mean. All else is kept as it is,
    control characters too.
    """
    if text.isascii():
        return text.replace("\0", REPLACEMENT)
    units = text.encode("utf-16-le", "surrogatepass")
    return units.decode("utf-16-le", "replace").replace("\0", REPLACEMENT)
