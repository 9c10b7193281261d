"""The worker as a program on a GPU: how soon it is ready, and its speed over HTTP."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.streams import Stream

CLIENTS = 4
WAIT_S = 120.0
SETTINGS = {"KV_CACHE_MB": "8192", "MAX_CONTEXT": "4096", "WORKER_PORT": "0"}


@contextmanager
def worker(folder: Path) -> Iterator[tuple[int, float]]:
    """A worker with the base and the adapter of `prepare`: its port, and seconds until ready."""
    names = {"BASE_MODEL": "base", "ADAPTERS": "adapter", "FUNGPT_HOME": "home"}
    paths = {name: str(folder / path) for name, path in names.items()}
    paths["ADAPTERS"] = f"tuned={paths['ADAPTERS']}"
    begun = time.perf_counter()
    log = (folder / "worker.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "model"], env={**os.environ, **SETTINGS, **paths},
        stdout=subprocess.PIPE, stderr=log, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        stage = ""
        while (found := _stage(port)) is not None:
            if found != stage:
                print(f"{time.perf_counter() - begun:6.2f} s {found}", flush=True)
                stage = found
            if process.poll() is not None or time.perf_counter() - begun > WAIT_S:
                raise SystemExit(f"the worker did not start: see {log.name}")
            time.sleep(0.02)  # the program has no event that another process could await
        yield port, time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def over_http(port: int, count: int, tokens: int) -> float:
    """Tokens a second that `count` streams, of base and tuned, get while all of them run."""
    share = str(count // CLIENTS)
    command = [sys.executable, "-m", "tests.bench.streams", str(port), share, str(tokens)]
    clients = [
        subprocess.Popen([*command, "tuned", "base"], stdout=subprocess.PIPE, text=True)
        for _ in range(CLIENTS)
    ]
    found = [Stream(**one) for client in clients for one in json.loads(client.communicate()[0])]
    begin = max(one.times[0] for one in found)
    end = min(one.times[-1] for one in found)
    return sum(one.tokens_between(begin, end) for one in found) / (end - begin)


def _stage(port: int) -> str | None:
    """What a worker that loads is doing; None once it is ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10):
            return None
    except urllib.error.HTTPError as error:
        return str(json.loads(error.read()).get("stage"))
