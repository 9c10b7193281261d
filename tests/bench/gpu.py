"""Decoding on a GPU: rows of base and tuned, sampled as users do, beside the card's limit.

`make bench-gpu ARGS="--folder DIR"` makes a random-weight Mistral-7B in DIR first; no hub is
needed. The limit is the measured bandwidth of a copy over the bytes of the 4-bit weights as they
are held: no step can be faster than reading them once.
"""

import argparse
import gc
import itertools
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice, pairwise
from pathlib import Path
from unittest.mock import patch

import torch

from model.assembly import build_engine, stack_adapters
from model.engine.api import TokenRequest
from model.engine.batch import BatchRow, Tokens
from model.engine.engine import TokenEngine
from model.loading.adapters import Adapter
from model.loading.base import ResolvedBase
from model.loading.quantised import load_quantised
from model.runner.eager import TorchRunner
from model.runner.gpu.choice import choose_weights
from model.runner.gpu.runner import GraphRunner
from model.runner.gpu.steps import GraphSteps
from model.runner.weights import Compute
from model.sampling import SamplingParams
from tests.bench.gpu_arrival import arrival
from tests.bench.gpu_kernels import copy_bandwidth, replay_ms
from tests.bench.gpu_model import prepare
from tests.bench.gpu_worker import over_http, worker
from tests.bench.table import markdown
from tests.fakes.settings import worker_settings

PROMPT = 300
CONTEXT = 4096
TOKENS = 96
AT_ONCE = (1, 4, 16, 64)
GREEDY = SamplingParams(max_tokens=TOKENS, temperature=0)
SAMPLED = SamplingParams(
    max_tokens=TOKENS, temperature=0.7, top_p=0.9, repetition_penalty=1.05, seed=1
)


_NUMBERS = itertools.count(3)


def new_prompt(row: int) -> tuple[int, ...]:
    """The row's prompt behind a new first token, so that nothing of it was computed before."""
    return (next(_NUMBERS), *prompt_ids(row)[1:])


def prompt_ids(row: int) -> tuple[int, ...]:
    """A prompt of its own for each row."""
    generator = torch.Generator().manual_seed(row)
    return tuple(torch.randint(3, 30000, (PROMPT,), generator=generator).tolist())


@dataclass(frozen=True)
class Parts:
    """What the engine runs on."""

    runner: GraphRunner
    plain: TorchRunner
    steps: GraphSteps


@dataclass(frozen=True)
class Measured:
    """A run's tokens a second while all rows ran, and seconds until all had their first token."""

    rate: float
    first: float


def decode(engine: TokenEngine, variants: Sequence[str], params: SamplingParams) -> Measured:
    """Run a row of each variant; only the steps in which every row gets a token count."""
    begun = time.perf_counter()
    for i, variant in enumerate(variants):
        engine.add(TokenRequest(str(i), new_prompt(i), variant, params))
    got: set[str] = set()
    first = 0.0
    whole: list[float] = []  # when each step ended that gave every row a token
    while engine.has_work():
        outputs = [output for output in engine.step() if output.token_id is not None]
        got.update(output.id for output in outputs)
        if len(got) == len(variants):
            first = first or time.perf_counter() - begun
        if len(outputs) == len(variants):
            whole.append(time.perf_counter())
    counted = whole[2:]  # the first begins no step ahead yet
    rate = len(variants) * (len(counted) - 1) / (counted[-1] - counted[0])
    return Measured(rate, first)


def step_error(engine: TokenEngine, parts: Parts, variants: Sequence[str]) -> str:
    """How far a decode step's logits lie from the plain runner's, row by row."""
    for i, variant in enumerate(variants):
        engine.add(TokenRequest(f"e{i}", prompt_ids(i), variant, GREEDY))
    seen: list[BatchRow] = []
    original = parts.runner.run

    def watch(batch: list[BatchRow]) -> Tokens:
        if len(batch) == len(variants) and all(len(row.input_ids) == 1 for row in batch):
            seen[:] = batch
        return original(batch)

    with patch.object(parts.runner, "run", watch):
        while not seen:
            engine.step()
    rows = [place for row in seen for place in parts.runner.places(row)]
    with torch.inference_mode():
        parts.steps.write(rows)
        ours = parts.steps.step.launch(len(rows), adapters=True).clone()
        theirs = parts.plain.forward(seen)
    for i in range(len(variants)):
        engine.abort(f"e{i}")
    engine.step()
    errors = (ours - theirs).norm(dim=1) / theirs.norm(dim=1)
    same = int((ours.argmax(1) == theirs.argmax(1)).sum())
    return (
        f"{len(rows)} rows: relative difference of logits, median {errors.median():.1e}, "
        f"largest {errors.max():.1e}; the same best token in {same}"
    )


def parts_of(engine: TokenEngine) -> Parts:
    """The engine's runner, if it decodes with its own kernels."""
    runner = engine._runner
    if not isinstance(runner, GraphRunner):
        raise SystemExit("this GPU has no kernels of ours; the log says why")
    plain, steps = runner._prompts, runner._device
    assert isinstance(plain, TorchRunner)
    assert isinstance(steps, GraphSteps)
    return Parts(runner, plain, steps)


def held_bytes(steps: GraphSteps) -> int:
    """What a step has to read at least: the tiles with their scales."""
    return sum(
        part.nbytes
        for layer in steps.step.matrices
        for matrix in layer
        for part in (matrix.weights, matrix.scales)
    )


def start(folder: Path, base: ResolvedBase, adapter: Adapter) -> TokenEngine:
    """An engine as the worker makes it; prints what that takes."""
    clock = [time.perf_counter()]
    model, _ = load_quantised(base, compute_dtype=torch.bfloat16, trainable=False)
    clock.append(time.perf_counter())
    limits = {
        "gpu_compute": "tiled",
        "kv_cache_mb": 8192,
        "max_running": max(AT_ONCE),
    }
    settings = worker_settings(**limits, fungpt_home=folder)
    weights = choose_weights(model, Compute.NF4, CONTEXT, settings, 32)
    clock.append(time.perf_counter())
    config = model.config
    del model
    gc.collect()
    torch.cuda.empty_cache()
    stacks = stack_adapters([adapter], config, weights)
    engine = build_engine(settings, weights, stacks, set(), CONTEXT)
    torch.cuda.synchronize()
    clock.append(time.perf_counter())
    load, tiles, graphs = (after - before for before, after in pairwise(clock))
    held, peak = torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated()
    print(f"load {load:.1f} s, kernels and tiles {tiles:.1f} s, graphs {graphs:.1f} s")
    print(f"{held / 2**30:.2f} GiB held, 8 of them cache, peak {peak / 2**30:.2f}", flush=True)
    return engine


def measure(engine: TokenEngine, parts: Parts, limit: float) -> Iterator[dict[str, float | str]]:
    """A row of the table for each kind of rows and number of them at once."""
    for name, pattern, params in (
        ("mixed, sampled", ("tuned", "base"), SAMPLED),
        ("mixed, greedy", ("tuned", "base"), GREEDY),
        ("base, greedy", ("base",), GREEDY),
    ):
        for count in AT_ONCE:
            variants = list(islice(cycle(pattern), count))
            decode(engine, variants, params)
            runs = [decode(engine, variants, params) for _ in range(3)]
            rate = statistics.median(run.rate for run in runs)
            graph = parts.steps.graph(count, adapters="tuned" in variants)
            yield {
                "rows": name,
                "at once": count,
                "tokens/s": rate,
                "limit": limit * count,
                "share": rate / (limit * count),
                "graph ms": replay_ms(graph.graph, 10),
                "step ms": 1000 * count / rate,
                "first token s": statistics.median(run.first for run in runs),
            }


def shown(row: dict[str, float | str]) -> list[str]:
    """A row's cells."""
    forms = ("s", "d", ",.0f", ",.0f", ".1%", ".2f", ".2f", ".3f")
    return [f"{value:{form}}" for value, form in zip(row.values(), forms, strict=True)]


def arrivals(engine: TokenEngine) -> list[dict[str, float]]:
    """What one more row costs beside 0, 1, 16 and 32 that run; prints it."""
    found: list[dict[str, float]] = []
    for running in (0, 1, 16, 32):
        params = SAMPLED.model_copy(update={"max_tokens": 1024})
        runs = [
            arrival(engine, running, [new_prompt(i) for i in range(running + 1)], params)
            for _ in range(6)
        ][1:]
        row = {
            "running": running,
            "first token ms": 1000 * statistics.median(run.first for run in runs),
            "longest gap ms": 1000 * statistics.median(run.longest_gap for run in runs),
            "usual gap ms": 1000 * statistics.median(run.usual_gap for run in runs),
        }
        found.append(row)
    cells = [[f"{value:.1f}" for value in row.values()] for row in found]
    print(markdown(list(found[0]), cells), flush=True)
    return found


def program(folder: Path, engine_rate: float) -> dict[str, float]:
    """The worker's start without and with its kernels on disk, and its speed over HTTP; prints."""
    found: dict[str, float] = {}
    for name in ("first start s", "second start s"):
        with worker(folder) as (port, found[name]):
            over_http(port, 64, 32)
            found["tokens/s over HTTP"] = over_http(port, 64, 512)
    found["share of the engine's"] = found["tokens/s over HTTP"] / engine_rate
    print(markdown(list(found), [[f"{value:,.2f}" for value in found.values()]]), flush=True)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for model, adapter, kernels")
    parser.add_argument("--out", type=Path, help="a JSON file of the table")
    options = parser.parse_args()
    made = prepare(options.folder)
    engine = start(options.folder, *made)
    parts = parts_of(engine)
    for variants in (["base"], ["tuned"], ["base", "tuned"] * 8, ["base", "tuned"] * 32):
        print(step_error(engine, parts, variants), flush=True)
    bandwidth, weights = copy_bandwidth(), held_bytes(parts.steps)
    card = f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    print(f"{card}, copy {bandwidth / 1e12:.2f} TB/s, weights {weights / 1e9:.2f} GB")
    found = list(measure(engine, parts, bandwidth / weights))
    print(markdown(list(found[0]), [shown(row) for row in found]), flush=True)
    figures: dict[str, object] = {"card": card, "bandwidth": bandwidth, "weights": weights}
    figures |= {"rows": found, "arrivals": arrivals(engine)}
    rate = next(float(row["tokens/s"]) for row in found if row["at once"] == max(AT_ONCE))
    del engine, parts  # the worker needs the card's memory
    gc.collect()
    torch.cuda.empty_cache()
    figures["worker"] = program(options.folder, rate)
    if options.out:
        options.out.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
