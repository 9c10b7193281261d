"""All kernels of a model's decode steps, and how each product is divided among warps."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from model.runner.gpu.compiler import Kernel, KernelError, compile_only, compiled
from model.runner.gpu.product import (
    Epilogue,
    Shape,
    compile_product,
    product_kernel,
    resident_blocks,
)
from model.runner.gpu.tiles import COLUMN

# Rows of the steps that are captured; a batch takes the next larger one.
ROWS = (1, 2, 4, 8, 16, 24, 32, 48, 64)
HEAD_DIMS = (64, 128)

_EPILOGUES = (Epilogue.QKV, Epilogue.RESIDUAL, Epilogue.GATE_UP, Epilogue.RESIDUAL)
_HELD_VOCABULARY = 32  # times 1,024 logits fit into the sampler's registers
# Measured on an H100 (docs/experiments.md). By number of columns of eight rows, the smallest that
# suffices: q k v, o, gate and up, down.
_MEASURED = {
    1: (Shape(1, 1, 8, 4), Shape(2, 1, 16, 2), Shape(1, 8, 2, 4), Shape(1, 1, 16, 4)),
    2: (Shape(2, 2, 8, 2), Shape(2, 1, 16, 2), Shape(4, 2, 4, 2), Shape(1, 2, 8, 4)),
    4: (Shape(2, 2, 8, 2), Shape(1, 1, 8, 8), Shape(2, 4, 4, 2), Shape(1, 1, 8, 8)),
    8: (Shape(2, 2, 4, 2), Shape(2, 1, 8, 2), Shape(2, 4, 2, 4), Shape(2, 1, 8, 2)),
}


def shapes(columns: int) -> tuple[Shape, Shape, Shape, Shape]:
    """The shapes of the products q k v, o, gate and up, down for `columns` times eight rows."""
    return _MEASURED[min(size for size in _MEASURED if size >= columns)]


@dataclass(frozen=True, slots=True)
class StepKernels:
    """The kernels for one number of columns, the products with the most blocks of their grids."""

    products: tuple[Kernel, ...]
    shapes: tuple[Shape, ...]
    resident: tuple[int, ...]
    attention: Kernel
    embed: Kernel
    last_norm: Kernel


class KernelSet:
    """The kernels for a model of these sizes; `folder` keeps what was compiled.

    `group` is the number of query heads that share a key/value head, `cache_bytes` the size of a
    cached number.
    """

    def __init__(
        self, folder: Path, *, head_dim: int, group: int, block_tokens: int, vocabulary: int,
        cache_bytes: int,
    ) -> None:  # fmt: skip
        self.folder = folder
        self._cache_bytes = cache_bytes
        self._attention = {
            "HEAD_DIM": head_dim, "GROUP": group, "BLOCK_TOKENS": block_tokens,
            "CACHE_BYTES": cache_bytes,
        }  # fmt: skip
        self._held = _HELD_VOCABULARY if vocabulary <= _HELD_VOCABULARY * 1024 else 0
        self._loaded: dict[int, StepKernels] = {}

    @property
    def columns(self) -> list[int]:
        """The numbers of columns of eight rows that steps have."""
        return sorted({-(-rows // COLUMN) for rows in ROWS})

    @cached_property
    def sample(self) -> Kernel:
        """The sampler."""
        return compiled("sample", "sample", self.folder, HELD=self._held)

    def prepare(self) -> None:
        """Compile and load all kernels; raises KernelError where one does not run here."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._compile, self.columns))
        compile_only("unpack", self.folder)
        for columns in self.columns:
            self.of(columns)
        _ = self.sample

    def of(self, columns: int) -> StepKernels:
        """The kernels for this many columns."""
        if columns not in self._loaded:
            self._loaded[columns] = self._load(columns)
        return self._loaded[columns]

    def _load(self, columns: int) -> StepKernels:
        chosen, folder = shapes(columns), self.folder
        products = tuple(
            product_kernel(folder, epilogue, columns, shape, self._cache_bytes)
            for epilogue, shape in zip(_EPILOGUES, chosen, strict=True)
        )
        resident = tuple(
            resident_blocks(kernel, shape.threads)
            for kernel, shape in zip(products, chosen, strict=True)
        )
        if 0 in resident:
            raise KernelError(f"{torch.cuda.get_device_name()} has too little shared memory")
        return StepKernels(
            products=products,
            shapes=chosen,
            resident=resident,
            attention=compiled(
                "attention", "attention", folder, COLUMNS=columns, **self._attention
            ),
            embed=compiled("ends", "embed", folder, COLUMNS=columns),
            last_norm=compiled("ends", "last_norm", folder, COLUMNS=columns),
        )

    def _compile(self, columns: int) -> None:
        for epilogue, shape in zip(_EPILOGUES, shapes(columns), strict=True):
            compile_product(self.folder, epilogue, columns, shape, self._cache_bytes)
        compile_only("attention", self.folder, COLUMNS=columns, **self._attention)
        compile_only("ends", self.folder, COLUMNS=columns)
