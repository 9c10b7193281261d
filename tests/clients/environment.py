"""Environments of the clients' own, in the user's cache: other people's programs, pinned."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements-clients.lock"
JS = Path(__file__).parent / "js"
_PACKAGES = ("package.json", "package-lock.json")
_READY = ".ready"


class Missing(Exception):
    """Something is not here; the text is one line that says what, and what to do."""


def cache_folder() -> Path:
    """Where programs of others are kept: below XDG_CACHE_HOME, or the user's own cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fungpt"


def python_environment() -> Path:
    """The interpreter of an environment with LOCK's packages; made where it is not there yet.

    Raises Missing where the packages cannot be had.
    """
    version = "{}.{}".format(*sys.version_info)

    def install(folder: Path) -> None:
        say("Setting up the clients (once, about two minutes and 450 MB) ...")
        python = str(folder / "bin" / "python")
        run([sys.executable, "-m", "venv", str(folder)], "no environment")
        pip = [python, "-m", "pip", "install", "--quiet"]
        run([*pip, "--requirement", str(LOCK)], f"{LOCK.name} cannot be installed")

    folder = made(f"clients-{version}", [LOCK], install)
    return folder / "bin" / "python"


def js_environment() -> Path:
    """The folder whose node_modules has the official client for JavaScript.

    Raises Missing where there is no node or npm, or where npm cannot install it.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise Missing(f"no {program} here: install Node.js 20 or later to try openai for it")

    def install(folder: Path) -> None:
        for name in _PACKAGES:
            shutil.copy(JS / name, folder)
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts"]
        run(["npm", "ci", *quiet, "--prefix", str(folder)], "npm cannot install openai")

    return made("clients-js", [JS / name for name in _PACKAGES], install)


def say(line: str) -> None:
    """Tell a person what happens; standard output is pytest's."""
    print(line, file=sys.stderr, flush=True)


def made(name: str, pins: list[Path], install: Callable[[Path], None]) -> Path:
    """A folder that `install` has filled, kept under a hash of what `pins` hold.

    Raises Missing where the cache cannot be written.
    """
    digest = hashlib.sha256(b"\0".join(pin.read_bytes() for pin in pins)).hexdigest()[:16]
    folder = cache_folder() / f"{name}-{digest}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not (folder / _READY).exists():
                shutil.rmtree(folder, ignore_errors=True)  # what a killed set-up left
                folder.mkdir()
                install(folder)
                (folder / _READY).touch()
    except OSError as error:
        raise Missing(f"{folder} cannot be made: {error.strerror}") from error
    return folder


def run(command: list[str], refusal: str) -> None:
    """Run a program that sets something up; raises Missing with the line that says why not."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        told = [line for line in lines if "error" in line.lower()] or lines or ["no reason given"]
        raise Missing(f"{refusal}: {told[0]}")
