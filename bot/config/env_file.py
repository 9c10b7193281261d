"""Reads `.env` strictly: what python-dotenv silently passes over is an error here."""

import difflib
from collections.abc import Iterable
from io import StringIO
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from bot.errors import SettingsError


def read_env_file(path: Path, known: Iterable[str]) -> frozenset[str]:
    """The names that the file sets, in upper case; none if there is no file.

    Raises SettingsError for a file that cannot be read, for a line that is not NAME=value, and for
    a name that is not in `known` (upper case); the message suggests the nearest known name.
    """
    names = [_name(path, binding) for binding in parse_stream(StringIO(_text(path)))]
    found = frozenset(name for name in names if name is not None)
    known = sorted(known)
    for name in sorted(found.difference(known)):
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else "see .env.example for those that exist"
        raise SettingsError(f"{path}: there is no setting {name}; {hint}")
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text: save it as UTF-8") from error


def _name(path: Path, binding: Binding) -> str | None:
    """The name that a line sets; None for comments and blank lines."""
    if binding.error or (binding.key is not None and binding.value is None):
        line = binding.original.line
        raise SettingsError(f"{path}, line {line}: this is not of the form NAME=value")
    return None if binding.key is None else binding.key.upper()
