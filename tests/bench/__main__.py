"""`make bench`: speed and size on this machine, as ratios in one run."""

import argparse
import asyncio
import os
import platform
from pathlib import Path

import torch

from model.runner.weights import Compute, best_compute
from model.settings import load_settings
from tests.bench.engines import load_bench
from tests.bench.programs import report
from tests.bench.speed import compute_paths, latency, throughput


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds of each measurement")
    parser.add_argument("--paths", action="store_true", help="compare all compute paths, too")
    options = parser.parse_args()
    home = load_settings().fungpt_home
    best = best_compute(torch.device("cpu"))
    every = list(Compute) if best is Compute.PACKED else [Compute.FLOAT32, Compute.NF4]
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}, {best}\n")
    print(asyncio.run(report(Path(home))), "\n")
    bench = load_bench(home, every if options.paths else [best])
    print(throughput(bench, best, options.rounds), "\n")
    print(latency(bench, best, options.rounds), "\n")
    if options.paths:
        print(compute_paths(bench, options.rounds))


if __name__ == "__main__":
    main()
