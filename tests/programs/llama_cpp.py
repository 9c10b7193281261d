"""Where llama.cpp's programs lie on this machine, for live tests and comparisons."""

import os
import subprocess
from pathlib import Path

VARIABLE = "LLAMA_CPP_BIN"
HOW_TO = f"build it with tools/llama_cpp.sh, or set {VARIABLE} to the folder of llama-server"


def llama_cpp(program: str) -> Path | None:
    """The path of `llama-server` or `llama-bench`; None where this machine has none that runs.

    It is looked for in the folder that LLAMA_CPP_BIN names, then in the user's cache, where
    `tools/llama_cpp.sh` builds it. One that was built for another processor does not run.
    """
    given = os.environ.get(VARIABLE)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fungpt/llama.cpp"
    folders = [Path(given)] if given else sorted(cache.glob("*-*/"), reverse=True)
    return next((path for folder in folders if _runs(path := folder / program)), None)


def _runs(path: Path) -> bool:
    if not os.access(path, os.X_OK) or not path.is_file():
        return False
    told = subprocess.run([path, "--help"], capture_output=True, check=False, timeout=30)
    return told.returncode == 0
