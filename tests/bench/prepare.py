"""`python -m tests.bench.prepare`: how long preparing takes, and how much memory."""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from tests.bench.sentences import conversations

# getrusage's ru_maxrss begins with what the parent held when it forked; VmHWM is of the program.
_PROGRAM = """
import re, sys
from pathlib import Path
from training.__main__ import main
code = main(sys.argv[1:])
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1], file=sys.stderr)
sys.exit(code)
"""


def write_csv(path: Path, rows: int, seed: int = 0) -> None:
    """A CSV file of made-up pairs."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("Comment", "Response"))
        writer.writerows(conversations(rows, seed))


def measure(source: Path, out: Path, *options: str) -> tuple[float, float, str]:
    """Seconds, peak memory in MB, and what was printed."""
    began = perf_counter()
    arguments = ("prepare", str(source), "--out", str(out), *options)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments], capture_output=True, text=True, check=False
    )
    seconds = perf_counter() - began
    if done.returncode:
        raise SystemExit(done.stderr)
    return seconds, int(done.stderr.split()[-1]) / 1024, done.stdout


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.prepare", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[118_000])
    parser.add_argument("--options", default="", help="more options for prepare, in quotes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for rows in options.rows:
            source = Path(place) / f"{rows}.csv"
            write_csv(source, rows)
            seconds, megabytes, text = measure(source, Path(place) / "out",
                                               *options.options.split())  # fmt: skip
            size = source.stat().st_size / 1e6
            print(f"{rows:,} rows ({size:.0f} MB), {os.cpu_count()} cores: {seconds:.1f} s, "
                  f"peak {megabytes:.0f} MB\n{text}")  # fmt: skip


if __name__ == "__main__":
    main()
