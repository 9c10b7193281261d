"""`make clients`: clients of other people against workers of ours, in an environment of theirs.

Options are pytest's: make clients ARGS="-k litellm".
"""

import os
import subprocess
import sys
from pathlib import Path

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
        home = Path(os.environ.get("FUNGPT_HOME") or ROOT / "var").resolve()
        with workers(home) as addresses:
            command = [str(python), "-m", "pytest", "-c", str(FOLDER / "pytest.ini")]
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


def _javascript() -> dict[str, str]:
    try:
        return {"CLIENTS_JS": str(js_environment())}
    except Missing as error:
        return {"CLIENTS_NO_JS": str(error)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
