"""The product of a few rows with an NF4 matrix, and what a decode step does with its result."""

import ctypes
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from model.runner.gpu.compiler import Kernel, compile_only, compiled
from model.runner.gpu.tiles import COLUMN, Tiles


class Epilogue(IntEnum):
    """What becomes of a product; see kernels/nf4_product.cu."""

    PLAIN = 0
    QKV = 1
    RESIDUAL = 2
    GATE_UP = 3


@dataclass(frozen=True, slots=True)
class Shape:
    """How a product is divided among warps; see kernels/nf4_product.cu."""

    tiles: int
    across: int
    along: int
    depth: int
    stages: int = 0

    @property
    def threads(self) -> int:
        """Threads a block."""
        return self.across * self.along * 32

    def shared_bytes(self, columns: int) -> int:
        """Dynamic shared memory a block needs."""
        partial = self.across * self.along * (self.tiles if self.along > 1 else 1) * columns * 512
        staged = self.along * self.stages * columns * 1024
        return 32 * 1024 + columns * COLUMN * 4 + max(partial, staged)


_POINTERS = (
    "weights", "scales", "x", "squares", "lora_b", "lora_a", "lora_owner", "row_adapter",
    "lora_slices", "lora_low", "lora_state", "lora_range", "code", "out",
    "residual", "norm", "next_squares", "cache", "slots", "positions", "rotary", "bias",
)  # fmt: skip
_NUMBERS = (
    "blocks",
    "tiles",
    "rows",
    "parts",
    "lora_steps",
    "slices",
    "heads",
    "kv_heads",
    "head_dim",
)


class _Arguments(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in _POINTERS),
        ("unit", ctypes.c_float),
        ("eps", ctypes.c_float),
        *((name, ctypes.c_int) for name in _NUMBERS),
    )


def _macros(epilogue: Epilogue, columns: int, shape: Shape, cache_bytes: int) -> dict[str, int]:
    cached = {"CACHE_BYTES": cache_bytes} if epilogue is Epilogue.QKV else {}
    return {
        "COLUMNS": columns, "TILES": shape.tiles, "ACROSS": shape.across, "ALONG": shape.along,
        "DEPTH": shape.depth, "STAGES": shape.stages, "EPILOGUE": epilogue, **cached,
    }  # fmt: skip


@cache
def product_kernel(
    folder: Path, epilogue: Epilogue, columns: int, shape: Shape, cache_bytes: int = 2
) -> Kernel:
    """The kernel of one epilogue for `columns` times eight rows.

    A cached number has `cache_bytes`: two in bfloat16, one in float8_e4m3fn.
    """
    name, macros = "nf4_product", _macros(epilogue, columns, shape, cache_bytes)
    return compiled(name, name, folder, shape.shared_bytes(columns), **macros)


def compile_product(
    folder: Path, epilogue: Epilogue, columns: int, shape: Shape, cache_bytes: int = 2
) -> None:
    """Compile what `product_kernel` loads; any thread may call this."""
    compile_only("nf4_product", folder, **_macros(epilogue, columns, shape, cache_bytes))


def product(
    kernel: Kernel,
    shape: Shape,
    matrix: Tiles,
    x: Tensor,
    rows: int,
    most_blocks: int,
    eps: float = 0.0,
    tensors: dict[str, Tensor] | None = None,
    **numbers: int,
) -> None:
    """Launch a product on torch's current stream.

    `x` is as `operand_x` makes it. `tensors` and `numbers` are the other fields of the kernel's
    arguments by name; a tensor left out is null. `most_blocks` bounds the grid: with adapters it is
    at most `resident_blocks`, as blocks wait for each other.
    """
    arguments = _Arguments(unit=matrix.unit, eps=eps, rows=rows, **numbers)
    arguments.blocks, arguments.tiles = matrix.weights.shape[1], matrix.weights.shape[0]
    given = {"weights": matrix.weights, "scales": matrix.scales, "code": matrix.code, "x": x}
    for name, tensor in {**given, **(tensors or {})}.items():
        setattr(arguments, name, tensor.data_ptr())
    groups = -(-arguments.tiles // (shape.across * shape.tiles))
    kernel.launch((min(groups, most_blocks),), shape.threads, arguments)


def resident_blocks(kernel: Kernel, threads: int) -> int:
    """How many blocks of a kernel the whole device runs at once."""
    return (
        kernel.resident(threads)
        * torch.cuda.get_device_properties(torch.cuda.current_device()).multi_processor_count
    )
