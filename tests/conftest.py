"""What several packages' tests share."""

import os
from pathlib import Path

import pytest

# Threads that wait for work in a loop slow each other down many times over as soon as something
# else wants the same cores. torch reads this when it is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the testers share the cores already

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def demo_home() -> Path:
    """The repository's own `var/`, with the demo model in it; made on first use."""
    from model.loading.base import resolve_base

    home = ROOT / "var"
    resolve_base("demo", home, lambda *_: None)
    return home
