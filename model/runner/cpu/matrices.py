# pyright: basic, reportCallIssue=false, reportArgumentType=false
# ruff: noqa: ANN401
"""Products of matrices with all rows of a step, shared out among the threads by outputs."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import from_dtype, njit, types

from model.runner.cpu.elementwise import add_halves, dot_half
from model.runner.cpu.packing import BLOCK, TILE
from model.runner.cpu.product import tile_product
from model.runner.cpu.records import LOW_RANK
from model.runner.cpu.tokens import floats, integers, records

_low_ranks = records(from_dtype(LOW_RANK))

# GNU OpenMP's, which torch brings along: waits for all threads of the team.
barrier = types.ExternalFunction("GOMP_barrier", types.void())


@njit
def share(count: int, thread: int, threads: int) -> tuple[int, int]:
    """This thread's part of `count`: its first number, and that behind its last."""
    return count * thread // threads, count * (thread + 1) // threads


def _multiplier(bits: int) -> Callable[..., None]:
    one, two, four, eight = (tile_product(rows, bits) for rows in (1, 2, 4, 8))
    size = BLOCK * TILE * bits // 8

    @njit
    def multiply(matrix: Any, tile: int, s: Any, rows: int, y: int) -> None:
        blocks = matrix.blocks
        codes, scales = (
            matrix.codes + tile * blocks * size,
            matrix.scales + tile * blocks * TILE * 4,
        )
        stride, small, wide = blocks * BLOCK, blocks * 4, matrix.tiles * TILE * 4
        y = y + tile * TILE * 4
        r = 0
        while r < rows:
            x, xs, start = s.codes + r * stride, s.scales + r * small, s.starts + r * small
            at = y + r * wide
            left = rows - r
            if left >= 8:
                eight(codes, scales, blocks, s.table, x, stride, xs, start, small, at, wide)
                r += 8
            elif left >= 4:
                four(codes, scales, blocks, s.table, x, stride, xs, start, small, at, wide)
                r += 4
            elif left >= 2:
                two(codes, scales, blocks, s.table, x, stride, xs, start, small, at, wide)
                r += 2
            else:
                one(codes, scales, blocks, s.table, x, stride, xs, start, small, at, wide)
                r += 1

    return multiply


_multiply4, _multiply8 = _multiplier(4), _multiplier(8)


@njit
def product(
    s: Any, matrix: Any, group: int, rows: int, y: int, adds: bool, thread: int, threads: int
) -> None:
    """y = matrix · x + bias, or y += that, for the rows whose codes are ready.

    With a `group`, layer · 4 + number of the matrix, each row's adapter adds its own part.
    """
    first, last = share(matrix.tiles, thread, threads)
    _begin(matrix, first * TILE, last * TILE, rows, y, adds)
    for tile in range(first, last):
        if matrix.bits == 4:
            _multiply4(matrix, tile, s, rows, y)
        else:
            _multiply8(matrix, tile, s, rows, y)
    if s.adapted and group >= 0:
        _reduce(s, group, matrix.blocks * BLOCK, thread, threads)
        barrier()
        _expand(s, group, matrix.tiles * TILE, first * TILE, last * TILE, y)


@njit
def _begin(matrix: Any, begin: int, end: int, rows: int, y: int, adds: bool) -> None:
    width = matrix.tiles * TILE
    bias = floats(matrix.bias, width)
    for row in range(rows):
        out = floats(y + row * width * 4, width)
        if not adds:
            for i in range(begin, end):
                out[i] = np.float32(0)
        if matrix.bias:
            for i in range(begin, end):
                out[i] += bias[i]


@njit
def _part(s: Any, row: int, group: int) -> Any:
    adapter = integers(s.adapter, s.tokens)[row]
    count = s.layers * 4
    return _low_ranks(s.low_ranks, (adapter + 1) * count)[adapter * count + group]


@njit
def _reduce(s: Any, group: int, size: int, thread: int, threads: int) -> None:
    """Each row's x times its adapter's A, shared out among the threads by ranks."""
    adapters = integers(s.adapter, s.tokens)
    for row in range(s.tokens):
        if adapters[row] >= 0:
            part = _part(s, row, group)
            first, last = share(part.rank * part.linears, thread, threads)
            for r in range(first, last):
                out = s.low + row * s.low_stride + r * 4
                dot_half(s.values + row * size * 4, part.a + r * size * 2, size, out)


@njit
def _expand(s: Any, group: int, width: int, begin: int, end: int, y: int) -> None:
    """Add each row's adapter's B times that, for the outputs of this thread."""
    adapters = integers(s.adapter, s.tokens)
    for row in range(s.tokens):
        if adapters[row] >= 0:
            part = _part(s, row, group)
            edges = (0, part.first, part.second, width)
            for linear in range(part.linears):
                left, right = max(begin, edges[linear]), min(end, edges[linear + 1])
                if right > left:
                    low = s.low + row * s.low_stride + linear * part.rank * 4
                    out = y + (row * width + left) * 4
                    b = part.b + left * 2
                    add_halves(low, part.rank, b, width * 2, right - left, out)
