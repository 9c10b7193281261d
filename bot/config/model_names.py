"""`WORKER_MODELS`: what people call the models of a server that names them otherwise."""

import re

ALLOWED = "name=the server's name, several with commas, the base first"
# A name is typed in commands and shown in lists, so it is one word.
_NAME = re.compile(r"[\w.-]{1,64}")


def parse_model_names(text: str) -> dict[str, str]:
    """Each variant's name with the server's name of it, in the order of the text.

    A server's name may hold anything but a comma. Raises ValueError with one line.
    """
    found: dict[str, str] = {}
    for part in text.split(","):
        if not part.strip():
            continue
        ours, sign, theirs = (piece.strip() for piece in part.partition("="))
        if not sign or not theirs:
            raise ValueError(f"{part.strip()!r} is not name=the server's name")
        if not _NAME.fullmatch(ours):
            raise ValueError(f"{ours!r} is not one word of letters, digits, '.', '-' and '_'")
        if ours in found:
            raise ValueError(f"{ours!r} stands there twice")
        found[ours] = theirs
    return found


def checked_model_names(text: str) -> str:
    """The text itself, if `parse_model_names` takes it; raises ValueError otherwise."""
    parse_model_names(text)
    return text
