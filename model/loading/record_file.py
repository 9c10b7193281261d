"""Reading a small JSON file that one of our programs wrote."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from model.errors import ConfigError

Record = TypeVar("Record", bound=BaseModel)


def read_record(path: Path, kind: type[Record]) -> Record | None:
    """The record in a file, None where there is no file; ConfigError, one line, when damaged."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(map(str, detail["loc"])) or "the file"
        raise ConfigError(f"{path}: {place}: {detail['msg']}") from error
