"""What several packages' tests share."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def demo_home() -> Path:
    """The repository's own `var/`, with the demo model in it; made on first use."""
    from model.base import resolve_base

    home = ROOT / "var"
    resolve_base("demo", home, lambda *_: None)
    return home
