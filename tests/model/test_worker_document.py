"""Every test that docs/worker.md names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`((?:\w+/)*test_\w+\.py)?(?:::(test_\w+))?`")


def named_tests() -> list[tuple[str, str]]:
    """File and function of each; `::test_name` alone is in the file named before it."""
    text, file, found = (ROOT / "docs/worker.md").read_text(), "", []
    for match in NAMED.finditer(text):
        file = match[1] or file
        if match[1] or match[2]:
            found.append((file, match[2] or ""))
    return found


def test_every_test_that_is_named_exists():
    named = named_tests()
    assert len(named) > 80
    for file, function in named:
        path = ROOT / "tests/model" / file
        assert path.is_file(), f"docs/worker.md names {file}"
        assert not function or f"def {function}(" in path.read_text(), f"{file}::{function}"
