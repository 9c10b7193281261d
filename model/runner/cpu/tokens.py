# pyright: basic, reportCallIssue=false, reportArgumentType=false, reportPrivateImportUsage=false
# ruff: noqa: ANN401
"""What a step computes of one token alone, in float32: norm, int8 codes, rotation."""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, float32, int8, int32, int64, njit, types
from numba.extending import intrinsic

from model.runner.cpu.packing import BLOCK

# Sums may be added in any order; NaN and infinity keep their meaning.
_FAST = {"reassoc", "contract", "nsz", "arcp"}


@intrinsic
def _pointer(typing: Any, address: Any) -> Any:
    def codegen(_: Any, builder: Any, __: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), codegen


def records(kind: Any) -> Callable[[int, int], Any]:
    """A compiled function from an address and a count to an array of records."""

    @intrinsic
    def typed(typing: Any, address: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.int64), codegen

    @njit
    def array(address: int, count: int) -> Any:
        return carray(typed(address), count)

    return array


@njit
def floats(address: int, count: int) -> np.ndarray:
    """`count` float32 numbers at an address."""
    return carray(_pointer(address), count, float32)


@njit
def integers(address: int, count: int) -> np.ndarray:
    """`count` int64 numbers at an address."""
    return carray(_pointer(address), count, int64)


@njit(fastmath=_FAST)
def norm(x: np.ndarray, weight: np.ndarray, eps: float, out: np.ndarray) -> None:
    """Root mean square norm (arXiv:1910.07467)."""
    total = np.float32(0)
    for i in range(len(x)):
        total += x[i] * x[i]
    scale = np.float32(1.0 / np.sqrt(total / np.float32(len(x)) + np.float32(eps)))
    for i in range(len(x)):
        out[i] = x[i] * scale * weight[i]


@njit(fastmath=_FAST)
def quantise(values: int, size: int, codes: int, scales: int, starts: int, offset: int) -> None:
    """Round blocks of 64 numbers to int8 codes and a scale each.

    `values`, `codes`, `scales` and `starts` are addresses.

    `starts` gets minus `offset` times the sum of a block's codes, which takes the offset of the
    weights' levels out of their product. The scale of a block with a NaN or an infinity is NaN.
    """
    blocks = size // BLOCK
    x, code = floats(values, size), carray(_pointer(codes), size, int8)
    scale, start = floats(scales, blocks), carray(_pointer(starts), blocks, int32)
    for b in range(blocks):
        most = np.float32(0)
        poison = np.float32(0)
        for i in range(b * BLOCK, (b + 1) * BLOCK):
            most = max(most, abs(x[i]))
            poison += x[i] * np.float32(0)
        inverse = np.float32(127) / most if most > np.float32(0) else np.float32(0)
        total = int32(0)
        if poison == np.float32(0):
            for i in range(b * BLOCK, (b + 1) * BLOCK):
                level = int32(np.rint(x[i] * inverse))
                code[i] = int8(level)
                total += level
        scale[b] = most / np.float32(127) + poison
        start[b] = -int32(offset) * total


@njit(fastmath=_FAST)
def rotate(x: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> None:
    """Rotary position embedding (arXiv:2104.09864) of one head in place, halves layout."""
    half = len(x) // 2
    for i in range(half):
        first, second = x[i], x[i + half]
        x[i] = first * cos[i] - second * sin[i]
        x[i + half] = second * cos[i + half] + first * sin[i + half]
