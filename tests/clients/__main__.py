"""`make clients`: clients of other people against workers of ours, in an environment of theirs.

Options are pytest's: make clients ARGS="-k litellm".
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.clients.environment import (
    ROOT,
    Missing,
    js_environment,
    python_environment,
    say,
)
from tests.clients.workers import KEY, workers

FOLDER = Path(__file__).parent
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
# The clients find no setting of the person's own, ask nobody but the worker, and write nowhere.
_ALONE = {
    "NO_PROXY": "127.0.0.1,localhost",
    "LITELLM_MODE": "PRODUCTION",  # it reads .env otherwise
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LANGSMITH_TRACING": "false",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def main(arguments: list[str]) -> int:
    """Set up, start the workers, run the cases; gives pytest's exit code, 2 if one cannot begin."""
    try:
        python = python_environment()
        with _home() as home, workers(home) as addresses:
            command = [str(python), "-m", "pytest", "-c", str(FOLDER / "clients.ini")]
            found = {f"CLIENTS_{name.upper()}": url for name, url in addresses.items()}
            kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
            done = subprocess.run(
                [*command, *arguments, str(FOLDER)],
                cwd=ROOT,
                env={**kept, **_ALONE, **found, **_javascript(), "CLIENTS_KEY": KEY},
                check=False,
            )
            return done.returncode
    except Missing as error:
        say(f"clients: {error}")
        return 2
    except KeyboardInterrupt:  # pytest has said how far it came
        return 130


@contextmanager
def _home() -> Iterator[Path]:
    """A home without what this person promoted, but with the weights, which cost minutes."""
    models = Path(os.environ.get("FUNGPT_HOME") or ROOT / "var").resolve() / "models"
    models.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        Path(folder, models.name).symlink_to(models, target_is_directory=True)
        yield Path(folder)


def _javascript() -> dict[str, str]:
    try:
        return {"CLIENTS_JS": str(js_environment())}
    except Missing as error:
        return {"CLIENTS_NO_JS": str(error)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
