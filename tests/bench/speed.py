"""Throughput and time to the first token, against transformers in the same run."""

import statistics
import time

from model.engine.engine import TokenEngine
from model.runner.weights import Compute
from tests.bench.engines import Bench, request
from tests.bench.table import markdown, spread

AT_ONCE = (1, 4, 8)
LONG_PROMPT = 300


def throughput(bench: Bench, compute: Compute, rounds: int) -> str:
    """Base, tuned and mixed rows at 1, 4 and 8 at once; ratios to `generate` round by round."""
    speeds: dict[tuple[str, int], list[float]] = {}
    mixes = {"base": ["base"] * 8, "tuned": ["tuned"] * 8, "mixed": ["base", "tuned"] * 4}
    for number in range(rounds + 1):
        for variant in ("base", "tuned"):
            measured = bench.generate(variant, number % len(bench.prompts))
            speeds.setdefault((variant, 0), []).append(measured)
        for name, variants in mixes.items():
            for count in AT_ONCE:
                measured = bench.run(compute, variants[:count])
                speeds.setdefault((name, count), []).append(measured)
    speeds = {key: values[1:] for key, values in speeds.items()}  # the first round warms up
    rows: list[list[str]] = []
    for name in mixes:
        for count in AT_ONCE:
            mine = speeds[name, count]
            against = speeds["base" if name == "mixed" else name, 0]
            ratios = [a / b for a, b in zip(mine, against, strict=True)]
            to_base = [a / b for a, b in zip(mine, speeds["base", count], strict=True)]
            rows.append(
                [name, str(count), spread(mine), spread(ratios, ".2f"), spread(to_base, ".2f")]
            )
    header = ("rows", "at once", "engine tok/s", "ratio to generate", "ratio to base rows")
    reference = f"base {spread(speeds['base', 0])}, tuned with peft {spread(speeds['tuned', 0])}"
    told = f"transformers' generate, one after the other, tok/s: {reference}"
    return f"{told}\n\n{markdown(header, rows)}"


def compute_paths(bench: Bench, rounds: int) -> str:
    """Every compute path beside each other, and a prompt's prefill."""
    speeds: dict[tuple[Compute, str], list[float]] = {}
    for _ in range(rounds + 1):
        for compute, engine in bench.engines.items():
            for count in AT_ONCE:
                measured = bench.run(compute, ["base"] * count)
                speeds.setdefault((compute, str(count)), []).append(measured)
            measured = LONG_PROMPT / first_token(engine, bench)[0]
            speeds.setdefault((compute, "prefill"), []).append(measured)
    columns = (*map(str, AT_ONCE), "prefill")
    rows = [
        [str(compute), *(spread(speeds[compute, column][1:]) for column in columns)]
        for compute in bench.engines
    ]
    return markdown(("compute", *(f"{c} tok/s" for c in columns)), rows)


def first_token(engine: TokenEngine, bench: Bench, others: int = 0) -> tuple[float, float]:
    """Seconds to the first token of a 300-token prompt while `others` decode; their longest gap."""
    for i in range(others):
        engine.add(request(f"other{i}", bench.prompts[i], "base", 200))
    for _ in range(4):
        if others:
            engine.step()
    prompt = (bench.prompts[0] * LONG_PROMPT)[:LONG_PROMPT]
    begun = last = time.perf_counter()
    engine.add(request("long", prompt, "base", 1))
    gap, done = 0.0, False
    while not done:
        done = any(output.id == "long" for output in engine.step())
        now = time.perf_counter()
        gap, last = max(gap, now - last), now
    taken = last - begun
    for i in range(others):
        engine.abort(f"other{i}")
    while engine.has_work():
        engine.step()
    return taken, gap


def latency(bench: Bench, compute: Compute, rounds: int) -> str:
    """Time to the first token, alone and while four others decode."""
    engine = bench.engines[compute]
    alone, beside, gaps = [], [], []
    for _ in range(rounds + 1):
        alone.append(first_token(engine, bench)[0])
        taken, gap = first_token(engine, bench, others=4)
        beside.append(taken)
        gaps.append(gap)
    ratio = statistics.median(beside[1:]) / statistics.median(alone[1:])
    rows = [
        ["alone", spread(alone[1:], ".3f"), "1.00", ""],
        ["4 others decode", spread(beside[1:], ".3f"), f"{ratio:.2f}", spread(gaps[1:], ".3f")],
    ]
    header = ("300-token prompt", "first token after s", "ratio", "others' longest gap s")
    return markdown(header, rows)
