"""Times the GPU's products alone, in many divisions among warps.

`python -m tests.bench.gpu_kernels --folder DIR` keeps binaries and figures there. That they are
right is shown by tests/model/runner/gpu/test_kernels_on_a_gpu.py.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple
from multiprocessing import get_context
from pathlib import Path

import torch

from model.runner.gpu.compiler import Kernel
from model.runner.gpu.product import (
    Epilogue,
    Shape,
    compile_product,
    product,
    product_kernel,
    resident_blocks,
)
from model.runner.gpu.tiles import Tiles, operand_x
from tests.model.runner.gpu.kernel_reference import HIDDEN, INNER, NF4, extras

MATRICES = {
    "qkv": (Epilogue.QKV, 6144, HIDDEN),
    "o": (Epilogue.RESIDUAL, HIDDEN, HIDDEN),
    "gate_up": (Epilogue.GATE_UP, 2 * INNER, HIDDEN),
    "down": (Epilogue.RESIDUAL, HIDDEN, INNER),
}
SHAPES = [
    Shape(*numbers)
    for numbers in (
        (1, 1, 8, 4), (2, 1, 16, 2), (1, 8, 2, 4), (2, 4, 4, 2), (1, 1, 16, 4), (1, 2, 8, 4),
        (2, 2, 8, 2), (1, 4, 4, 4), (4, 2, 4, 2), (2, 1, 8, 2), (1, 1, 8, 8), (2, 4, 2, 4),
        (1, 4, 4, 4, 3), (2, 4, 4, 2, 3), (2, 2, 4, 2, 3), (2, 4, 2, 2, 4), (2, 8, 1, 2, 4),
        (4, 4, 2, 1, 3), (4, 8, 1, 1, 4), (4, 2, 4, 1, 3), (1, 8, 2, 4, 3), (1, 2, 4, 4, 3),
        (2, 2, 8, 2, 2), (1, 2, 8, 4, 2), (2, 8, 2, 2, 3), (4, 8, 2, 1, 3), (1, 4, 2, 4, 4),
        (2, 4, 4, 4, 2), (2, 2, 4, 4, 4),
    )
]  # fmt: skip
BYTES = 0.5 + 2 / 64  # of a weight: its code, and its share of a scale
MOST_SHARED = 220_000  # bytes a block may have on this card


def microseconds(run: Callable[[], object], times: int) -> float:
    """Median time of one of the `times` launches that a call of `run` makes, in a CUDA graph."""
    run()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return statistics.median(replay_ms(graph, 1) for _ in range(5)) * 1000 / times


def replay_ms(graph: torch.cuda.CUDAGraph, times: int) -> float:
    """Milliseconds that a replay takes, the mean of `times` in a row after one to warm up."""
    graph.replay()
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    for _ in range(times):
        graph.replay()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / times


def copy_bandwidth() -> float:
    """Bytes a second of a large copy, reads and writes counted."""
    a = torch.empty(2**30, dtype=torch.uint8, device="cuda").random_()
    b = torch.empty_like(a)
    return 2 * 2**30 / microseconds(lambda: b.copy_(a), 1) * 1e6


def random_tiles(outputs: int, inputs: int) -> Tiles:
    """A random matrix, made in tiles at once."""
    count, blocks = outputs // 16, inputs // 64
    return Tiles(
        weights=torch.randint(0, 256, (count, blocks, 32, 16), dtype=torch.uint8, device="cuda"),
        scales=(torch.rand(count, blocks, 8, 2, device="cuda") + 0.5).half(),
        order=torch.arange(outputs, dtype=torch.int32, device="cuda"),
        code=torch.tensor(NF4, device="cuda"),
        unit=0.01,
    )


def times(folder: Path, name: str, columns: int) -> list[tuple[float, Shape, int]]:
    """Microseconds of a product by shape, the fastest first, and the most blocks of its grid."""
    epilogue, outputs, inputs = MATRICES[name]
    copies = max(2, 150_000_000 // (outputs * inputs // 2))  # more than the L2 cache holds
    made = [random_tiles(outputs, inputs) for _ in range(copies)]
    rows = columns * 8
    x = operand_x(torch.randn(rows, inputs, device="cuda"), columns)
    tensors, numbers = extras(epilogue, outputs, rows, columns)
    if epilogue is not Epilogue.RESIDUAL:
        tensors["squares"] = torch.rand(256, rows, device="cuda")
        numbers["parts"] = 256

    def time(kernel: Kernel, shape: Shape, fits: int) -> float:
        def run() -> None:
            for matrix in made:
                product(kernel, shape, matrix, x, rows, fits, 1e-5, tensors, **numbers)

        return microseconds(run, copies)

    found: list[tuple[float, Shape, int]] = []
    for shape in fitting(columns):
        kernel = product_kernel(folder, epilogue, columns, shape)
        if fits := resident_blocks(kernel, shape.threads):
            found.append((time(kernel, shape, fits), shape, fits))
    return sorted(found, key=lambda item: item[0])


def fitting(columns: int) -> list[Shape]:
    """The shapes whose shared memory a block can have."""
    return [shape for shape in SHAPES if shape.shared_bytes(columns) <= MOST_SHARED]


def tune(folder: Path, all_columns: Sequence[int], out: Path) -> Iterator[str]:
    """The best shapes of every product, by columns, in microseconds; all of them go to `out`."""
    bandwidth = copy_bandwidth()
    yield f"{torch.cuda.get_device_name()}, copy {bandwidth / 1e12:.2f} TB/s"
    table: dict[str, list[tuple[float, ...]]] = {}
    for columns in all_columns:
        total = 0.0
        for name, (_, outputs, inputs) in MATRICES.items():
            found = times(folder, name, columns)
            total += found[0][0]
            best = ", ".join(f"{t:.1f} ({label(s)}|{fits})" for t, s, fits in found[:4])
            floor = outputs * inputs * BYTES / bandwidth * 1e6
            worst = found[-1][0]
            yield f"{columns * 8} rows {name}: {best}; floor {floor:.1f}; worst {worst:.1f}"
            table[f"{columns} {name}"] = [(t, *astuple(shape)) for t, shape, _ in found]
            out.write_text(json.dumps(table), encoding="utf-8")
        yield f"{columns * 8} rows, all of a layer: {total:.1f} µs"


def label(shape: Shape) -> str:
    """A shape's numbers."""
    return ",".join(map(str, astuple(shape)))


def build(job: tuple[Path, Epilogue, int, Shape]) -> None:
    """Compile one kernel."""
    compile_product(*job)


def main() -> None:
    """Build all kernels in several processes, then time them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for the binaries")
    parser.add_argument("--out", type=Path, required=True, help="a JSON file of all figures")
    parser.add_argument("--columns", type=int, nargs="+", default=[1, 2, 4, 8])
    arguments = parser.parse_args()
    jobs = [
        (arguments.folder, epilogue, columns, shape)
        for columns in arguments.columns
        for epilogue in (Epilogue.QKV, Epilogue.RESIDUAL, Epilogue.GATE_UP)
        for shape in fitting(columns)
    ]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        list(pool.map(build, jobs, chunksize=4))
    for line in tune(arguments.folder, arguments.columns, arguments.out):
        print(line, flush=True)


if __name__ == "__main__":
    main()
