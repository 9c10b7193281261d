"""Checks and times the GPU's kernels alone, on random data of a Mistral-7B's shapes.

`python -m tests.bench.gpu_kernels --folder DIR` keeps binaries and figures there.
"""

import argparse
import json
import statistics
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.runner.gpu.product import Epilogue, Shape, product, product_kernel, resident_blocks
from model.runner.gpu.tiles import Tiles, from_operand_x, operand_a, operand_x, tile

HEADS, KV, DIM, HIDDEN, INNER = 32, 8, 128, 4096, 14336
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
NF4 = [-1.0, -0.6961928, -0.5250730, -0.3949175, -0.2844414, -0.1847734, -0.0910500, 0.0,
       0.0795803, 0.1609302, 0.2461123, 0.3379152, 0.4407098, 0.5626170, 0.7229568, 1.0]  # fmt: skip


def error(out: Tensor, reference: Tensor) -> float:
    """‖out − reference‖ / ‖reference‖; NaN stays NaN."""
    return float((out.double() - reference.double()).norm() / reference.double().norm())


def random_matrix(outputs: int, inputs: int, order: Tensor | None = None) -> tuple[Tiles, Tensor]:
    """A random NF4 matrix in tiles, and the same dense in float32, outputs in their own order."""
    codes = torch.randint(0, 16, (outputs, inputs), dtype=torch.uint8, device="cuda")
    scales = torch.rand(outputs, inputs // 64, device="cuda") * 0.05 + 0.01
    code = torch.tensor(NF4, device="cuda")
    order = torch.arange(outputs, device="cuda") if order is None else order
    dense = code[codes.int()] * scales.repeat_interleave(64, dim=1)
    return tile(codes, scales, code, order), dense


def extras(epilogue: Epilogue, outputs: int, rows: int, columns: int) -> tuple[dict, dict]:
    """Tensors and numbers that an epilogue needs, poisoned where it writes."""
    nan, place = float("nan"), {"device": "cuda"}
    padded = columns * 8
    if epilogue is Epilogue.PLAIN:
        return {"out": torch.full((rows, outputs), nan, **place)}, {}
    if epilogue is Epilogue.QKV:
        angles = torch.rand(512, DIM // 2, **place) * 6
        return {
            "out": torch.full((rows, HEADS * DIM), nan, dtype=torch.bfloat16, **place),
            "cache": torch.full((512, 2 * KV, DIM), nan, dtype=torch.bfloat16, **place),
            "slots": torch.randperm(512, **place)[:padded],
            "positions": torch.randint(0, 512, (padded,), dtype=torch.int32, **place),
            "rotary": torch.stack([angles.cos(), angles.sin()], -1).contiguous(),
        }, {"heads": HEADS, "kv_heads": KV, "head_dim": DIM}
    if epilogue is Epilogue.RESIDUAL:
        return {
            "out": torch.full(
                (outputs // 64, columns, 2, 32, 8), nan, dtype=torch.bfloat16, **place
            ),
            "residual": torch.randn(rows, outputs, **place),
            "norm": torch.rand(outputs, **place) + 0.5,
            "next_squares": torch.full((outputs // 16, padded), nan, **place),
        }, {}
    return {
        "out": torch.full((outputs // 128, columns, 2, 32, 8), nan, dtype=torch.bfloat16, **place)
    }, {}


def rope_order() -> Tensor:
    """Places of q, k and v: dims d and d + 64 of a head, eight of each, make a tile."""
    heads = HEADS + 2 * KV
    return torch.arange(heads * DIM).view(heads, 2, DIM // 16, 8).transpose(1, 2).reshape(-1).cuda()


def pair_order(inner: int) -> Tensor:
    """Places of gate and up: eight gates, then the ups beside them."""
    return torch.arange(2 * inner).view(2, inner // 8, 8).transpose(0, 1).reshape(-1).cuda()


def check(folder: Path) -> list[str]:
    """Every epilogue with and without norm and LoRA against float32, on fresh inputs."""
    lines = []
    for columns, rows in ((1, 1), (1, 5), (2, 16), (3, 24), (4, 32), (8, 64)):
        for shape in (Shape(2, 1, 8, 4), Shape(1, 2, 4, 4), Shape(2, 4, 2, 2, 3)):
            for epilogue, outputs, inputs in (
                (Epilogue.PLAIN, 320, 4096), (Epilogue.QKV, 6144, 4096),
                (Epilogue.RESIDUAL, 4096, 2048), (Epilogue.GATE_UP, 2048, 4096),
            ):  # fmt: skip
                order = None
                if epilogue is Epilogue.QKV:
                    order = rope_order()
                if epilogue is Epilogue.GATE_UP:
                    order = pair_order(outputs // 2)
                matrix, dense = random_matrix(outputs, inputs, order)
                x = torch.randn(rows, inputs, device="cuda").bfloat16()
                squares = torch.rand(7, columns * 8, device="cuda") + 0.1
                steps = 3  # two adapters, the second with two steps; one row has none
                owner = torch.tensor([0, 1, 1], dtype=torch.int32, device="cuda")
                of_row = torch.randint(-1, 2, (columns * 8,), dtype=torch.int32, device="cuda")
                a = torch.randn(16 * steps, inputs, device="cuda").bfloat16() * 0.05
                b = torch.randn(outputs, 16 * steps, device="cuda").bfloat16() * 0.05
                at = matrix.order.long()
                ranges = torch.tensor([[0, steps]] * (outputs // 16), dtype=torch.int32).cuda()
                scratch = {
                    "lora_slices": torch.full((steps * 8 * columns * 128,), float("nan")).cuda(),
                    "lora_low": torch.full((steps * columns * 128,), float("nan"))
                    .bfloat16()
                    .cuda(),
                    "lora_state": torch.zeros(4, dtype=torch.int32, device="cuda"),
                }
                tensors, numbers = extras(epilogue, outputs, rows, columns)
                before = tensors["residual"].clone() if "residual" in tensors else None
                tensors |= {
                    "squares": squares, "lora_a": operand_a(a), "lora_b": operand_a(b[at]),
                    "lora_owner": owner, "row_adapter": of_row, "lora_range": ranges, **scratch,
                }  # fmt: skip
                kernel = product_kernel(folder, epilogue, columns, shape)
                fits = resident_blocks(kernel, shape.threads)
                product(kernel, shape, matrix, operand_x(x, columns), rows, fits, 1e-5,
                        tensors, parts=7, lora_steps=steps, slices=8, **numbers)  # fmt: skip
                torch.cuda.synchronize()
                assert not scratch["lora_state"].any()
                scale = (squares.sum(0)[:rows] / inputs + 1e-5).rsqrt()[:, None]
                own = (of_row[:rows, None] == owner[None]).repeat_interleave(16, dim=1)
                low = torch.where(own, (x.float() @ a.float().t()) * scale, 0)
                y = (x.float() @ dense.t()) * scale + low @ b.float().t()
                lines.append(
                    f"{epilogue.name} rows {rows} {shape}: {outcome(epilogue, y, tensors, rows, before)}"
                )
    return lines


def outcome(
    epilogue: Epilogue, y: Tensor, tensors: dict[str, Tensor], rows: int, before: Tensor | None
) -> str:
    """The relative errors of all that an epilogue writes."""
    out = tensors["out"]
    if epilogue is Epilogue.PLAIN:
        return f"{error(out, y):.1e}"
    if epilogue is Epilogue.RESIDUAL and before is not None:
        stream = before + y
        squares = tensors["next_squares"].sum(0)[:rows]
        return " ".join(
            f"{e:.1e}"
            for e in (
                error(tensors["residual"], stream),
                error(from_operand_x(out)[:rows], stream * tensors["norm"]),
                error(squares, stream.square().sum(1)),
            )
        )
    if epilogue is Epilogue.GATE_UP:
        gate, up = y.chunk(2, dim=1)
        return f"{error(from_operand_x(out)[:rows], torch.nn.functional.silu(gate) * up):.1e}"
    heads = y.view(rows, HEADS + 2 * KV, DIM)
    turn = tensors["rotary"][tensors["positions"][:rows].long()]
    cos, sin = turn[..., 0][:, None], turn[..., 1][:, None]
    first, second = heads[:, : HEADS + KV].chunk(2, dim=-1)
    turned = torch.cat([first * cos - second * sin, second * cos + first * sin], -1)
    held = tensors["cache"][tensors["slots"][:rows]]
    return " ".join(
        f"{e:.1e}"
        for e in (
            error(out.view(rows, HEADS, DIM), turned[:, :HEADS]),
            error(held[:, :KV], turned[:, HEADS:]),
            error(held[:, KV:], heads[:, HEADS + KV :]),
        )
    )


def microseconds(run: Any, times: int) -> float:
    """Median time of one call of `run`, which makes `times` launches, in a CUDA graph."""
    run()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    graph.replay()
    found = []
    for _ in range(5):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        graph.replay()
        end.record()
        torch.cuda.synchronize()
        found.append(begin.elapsed_time(end) * 1000 / times)
    return statistics.median(found)


def _build(job: tuple[Path, Epilogue, int, Shape]) -> None:
    product_kernel(*job)


def copy_bandwidth() -> float:
    """Bytes a second of a large copy, reads and writes counted."""
    a = torch.empty(2**30, dtype=torch.uint8, device="cuda").random_()
    b = torch.empty_like(a)
    return 2 * 2**30 / microseconds(lambda: b.copy_(a), 1) * 1e6


def tune(folder: Path, all_columns: tuple[int, ...], out: Path) -> list[str]:
    """The best shapes of every product, by columns, in microseconds."""
    bandwidth = copy_bandwidth()
    lines = [f"{torch.cuda.get_device_name()}, copy {bandwidth / 1e12:.2f} TB/s"]
    table: dict[str, Any] = {}
    for columns in all_columns:
        total = 0.0
        for name, (epilogue, outputs, inputs) in MATRICES.items():
            count, blocks = outputs // 16, inputs // 64
            copies = max(2, 150_000_000 // (outputs * inputs // 2))
            made = [
                Tiles(
                    torch.randint(
                        0, 256, (count, blocks, 32, 16), dtype=torch.uint8, device="cuda"
                    ),
                    (torch.rand(count, blocks, 8, 2, device="cuda") + 0.5).half(),
                    torch.arange(outputs, dtype=torch.int32, device="cuda"),
                    torch.tensor(NF4, device="cuda"),
                    0.01,
                )
                for _ in range(copies)
            ]
            rows = columns * 8
            x = operand_x(torch.randn(rows, inputs, device="cuda"), columns)
            tensors, numbers = extras(epilogue, outputs, rows, columns)
            if epilogue is not Epilogue.RESIDUAL:
                tensors["squares"] = torch.rand(256, rows, device="cuda")
                numbers["parts"] = 256
            found = []
            for shape in SHAPES:
                if shape.shared_bytes(columns) > 220_000:
                    continue
                kernel = product_kernel(folder, epilogue, columns, shape)
                fits = resident_blocks(kernel, shape.threads)
                if not fits:
                    continue

                def run(kernel=kernel, shape=shape, fits=fits) -> None:
                    for matrix in made:
                        product(kernel, shape, matrix, x, rows, fits, 1e-5, tensors, **numbers)

                found.append((microseconds(run, copies), shape, fits))
            found.sort(key=lambda item: item[0])
            floor = outputs * inputs / 2 * 1.0625 / bandwidth * 1e6
            total += found[0][0]
            best = ", ".join(
                f"{t:.1f} ({s.tiles},{s.across},{s.along},{s.depth},{s.stages}|{f})"
                for t, s, f in found[:4]
            )
            lines.append(f"{rows} rows {name}: {best}; floor {floor:.1f}; worst {found[-1][0]:.1f}")
            table[f"{columns} {name}"] = [
                (t, s.tiles, s.across, s.along, s.depth, s.stages) for t, s, _ in found
            ]
            out.write_text(json.dumps(table))
            del made
        lines.append(f"{rows} rows, all of a layer: {total:.1f} µs")
    return lines


def main() -> None:
    """Build, check, tune."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--columns", type=int, nargs="+", default=[1, 2, 4, 8])
    arguments = parser.parse_args()
    jobs = [
        (arguments.folder, epilogue, columns, shape)
        for columns in arguments.columns
        for epilogue in (Epilogue.QKV, Epilogue.RESIDUAL, Epilogue.GATE_UP)
        for shape in SHAPES
        if shape.shared_bytes(columns) <= 220_000
    ]
    from multiprocessing import get_context

    with ProcessPoolExecutor(16, mp_context=get_context("spawn")) as pool:
        list(pool.map(_build, jobs, chunksize=4))
    print("\n".join(check(arguments.folder)), flush=True)
    print("\n".join(tune(arguments.folder, tuple(arguments.columns), arguments.out)), flush=True)


if __name__ == "__main__":
    main()
