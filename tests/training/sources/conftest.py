"""Files of any kind, and their rows."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.one_source import open_source
from training.sources.reading import Reading
from training.sources.reasons import DroppedRow
from training.sources.row import SourceRow

Write = Callable[[str, str | bytes], Path]
Read = Callable[..., list[SourceRow | DroppedRow]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(path: Path, reading: Reading | None = None) -> list[SourceRow | DroppedRow]:
        return list(open_source(path, reading or Reading(), tmp_path).rows)

    return read
