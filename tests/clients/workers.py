"""The workers that clients are tried against: the demo model, a full one, and one that loads."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from model.settings import WorkerSettings
from tests.clients.environment import ROOT, Missing, say

KEY = "the clients' key"
READY_S = 600.0  # the first time, the demo model is fetched and converted
END_S = 30.0
# One row, nobody waits, and an answer that takes long: whoever comes second is told to come back.
FULL: dict[str, object] = {
    "max_running": 1,
    "max_waiting": 0,
    "step_seconds": 0.05,
    "reply": "word " * 100,
}
LOADING: dict[str, object] = {"hang_load": True}


@contextmanager
def workers(home: Path) -> Iterator[dict[str, str]]:
    """Start all three; yields their addresses by name: demo, full, loading.

    Raises Missing with the worker's own last line where one does not get ready.
    """
    with ExitStack() as stack:
        addresses = {
            "demo": stack.enter_context(running(home)),
            "full": stack.enter_context(running(home, FULL)),
            "loading": stack.enter_context(running(home, LOADING)),
        }
        for name in ("full", "demo"):
            wait(addresses[name])
        yield addresses


@contextmanager
def running(home: Path, script: dict[str, object] | None = None) -> Iterator[str]:
    """Start one worker, with the demo model or a script; yields its address while it loads."""
    # Nothing of the person's own settings: their model and adapters are not what is tried.
    settings = WorkerSettings.model_fields
    kept = {name: value for name, value in os.environ.items() if name.lower() not in settings}
    scripted = {"BASE_MODEL": "scripted", "FUNGPT_SCRIPT": json.dumps(script)}
    chosen = {"BASE_MODEL": "demo"} if script is None else scripted
    with (
        TemporaryDirectory() as elsewhere,  # there is no .env
        TemporaryFile("w+") as log,
        subprocess.Popen(
            [sys.executable, "-m", "model", "--port", "0", "--exit-on-stdin-eof"],
            cwd=elsewhere,
            env={
                **kept, **chosen, "WORKER_API_KEY": KEY, "FUNGPT_HOME": str(home),
                "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):  # fmt: skip
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                log.seek(0)
                raise Missing(f"the worker does not start: {log.read().strip()[-300:]}")
            told = json.loads(line)
            yield f"http://{told['host']}:{told['port']}"
        finally:
            process.terminate()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()


def wait(address: str) -> None:
    """Wait until a worker is ready, and tell how far it is; raises Missing where it never is."""
    deadline, told = time.monotonic() + READY_S, ""
    while time.monotonic() < deadline:
        health = look(address)
        if health["status"] == "ok":
            return
        if health["status"] == "failed":
            raise Missing(f"the worker has no model: {health['error']}")
        if health["stage"] != told:
            told = str(health["stage"])
            say(f"The worker: {told} ...")
        time.sleep(0.2)
    raise Missing(f"the worker is not ready after {READY_S:g} s: {told}")


def look(address: str) -> dict[str, object]:
    """What /health says now, ready or not."""
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=END_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)
    except urllib.error.URLError as error:
        raise Missing(f"the worker is gone: {error.reason}") from error


def until(condition: Callable[[], bool], limit_s: float = 5.0) -> None:
    """Wait for something that nothing announces over HTTP."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.02)
