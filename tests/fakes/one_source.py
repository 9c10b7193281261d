"""A single source opened by itself, for tests that look at one file."""

from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from training.sources.reading import Opened, Reading, open_sources
from training.sources.row import SourceRows


def open_source(path: Path, reading: Reading, scratch: Path) -> Opened:
    """Begin to read one source; it is closed when its rows end or are closed."""
    stack = ExitStack()
    [opened] = stack.enter_context(open_sources([path], reading, scratch))

    def rows() -> SourceRows:
        with stack, closing(opened.rows):
            yield from opened.rows

    return replace(opened, rows=rows())
