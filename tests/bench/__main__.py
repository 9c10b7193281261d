"""`make bench`: speed and size on this machine, as ratios in one run."""

import argparse
import asyncio
import os
import platform
from pathlib import Path

import torch

from model.assembly import choose_compute
from model.errors import ConfigError
from model.runner.weights import Compute, best_compute
from model.settings import load_settings
from tests.bench.engines import load_bench
from tests.bench.peers import peers
from tests.bench.programs import report
from tests.bench.speed import compute_paths, latency, throughput


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds of each measurement")
    parser.add_argument("--paths", action="store_true", help="compare all compute paths, too")
    parser.add_argument("--peers", action="store_true", help="only this: decode beside llama.cpp")
    options = parser.parse_args()
    home = load_settings().fungpt_home
    device = torch.device("cpu")
    others, best = best_compute(device), choose_compute("auto", device)
    every = [compute for compute in Compute if can_compute(compute)]
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}, {best}\n")
    if options.peers:
        ours = list(dict.fromkeys((others, best)))
        print(asyncio.run(peers(load_bench(home, ours), ours, options.rounds)))
        return
    print(asyncio.run(report(Path(home))), "\n")
    bench = load_bench(home, every if options.paths else [best])
    print(throughput(bench, best, options.rounds), "\n")
    print(latency(bench, best, options.rounds), "\n")
    if options.paths:
        print(compute_paths(bench, options.rounds))


def can_compute(compute: Compute) -> bool:
    """Whether this machine can multiply in this way."""
    try:
        return choose_compute(compute.value, torch.device("cpu")) is compute
    except ConfigError:
        return False


if __name__ == "__main__":
    main()
