# pyright: basic
# ruff: noqa: ANN401
"""One tile of a matrix times a few rows of int8 activations."""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from model.runner.cpu.isa import Isa, instructions, offset
from model.runner.cpu.packing import BLOCK, TILE
from model.runner.cpu.vectors import (
    BYTES,
    FLOATS,
    I8,
    I32,
    INTS,
    LANES,
    Builder,
    Value,
    call,
    fma,
    load,
    number,
    pick,
    splat,
    step,
    store,
)  # fmt: skip

_AHEAD = 4096  # bytes that are fetched before they are needed
_WIDE = instructions() is Isa.AVX512_VNNI


def tile_product(rows: int, bits: int) -> Callable[..., None]:
    """A compiled y[r] += tile · x[r] for `rows` rows, of codes with 4 or 8 bits.

    All arguments are integers: addresses of the tile's codes and scales, its blocks, the address
    of the 64 bytes that 4-bit codes are looked up in; the address of the rows' int8 codes and the
    bytes from one row to the next; the addresses of their scales and of what each block's sum
    begins with, and the bytes between two rows of these; the address of y's 16 float32 numbers and
    the bytes between two rows. A row's result does not depend on the others.
    """
    chains = 2 if rows <= 2 else 1  # sums that do not wait for each other
    dot = _dot if offset(instructions()) else _signed_dot

    def emit(builder: Builder, args: Sequence[Value]) -> None:
        codes, scales, blocks, table, x, x_stride, x_scales, starts, stride, y, y_stride = args
        places = [step(builder, y, y_stride, row) for row in range(rows)]
        sums = [cgutils.alloca_once(builder, FLOATS) for _ in range(rows)]
        for place, one in zip(places, sums, strict=True):
            builder.store(load(builder, place, FLOATS), one)
        levels = load(builder, table, BYTES, 1)
        size = BLOCK * TILE * bits // 8
        with cgutils.for_range(builder, blocks, intp=blocks.type) as loop:
            block = step(builder, codes, loop.index, number(blocks, size))
            scale_at = step(builder, scales, loop.index, number(blocks, 4 * TILE))
            _fetch_ahead(builder, block, scale_at, size)
            small = builder.mul(loop.index, number(blocks, 4))
            totals = [
                _begin(builder, builder.add(step(builder, starts, stride, row), small), chains)
                for row in range(rows)
            ]
            rows_at = [
                step(builder, step(builder, x, x_stride, row), loop.index, number(blocks, BLOCK))
                for row in range(rows)
            ]
            for pair in range(BLOCK // 8):
                for i, weights in enumerate(_unpack(builder, block, levels, pair, bits)):
                    for total, at in zip(totals, rows_at, strict=True):
                        place = builder.add(at, number(at, 8 * pair + 4 * i))
                        four = builder.bitcast(splat(builder, load(builder, place, I32)), BYTES)
                        chain = i % chains
                        total[chain] = dot(builder, total[chain], weights, four)
            scale = load(builder, scale_at, FLOATS)
            for row, (total, one) in enumerate(zip(totals, sums, strict=True)):
                place = builder.add(step(builder, x_scales, stride, row), small)
                factor = splat(builder, load(builder, place, FLOATS.element))
                whole = total[0] if chains == 1 else builder.add(*total)
                value = builder.sitofp(whole, FLOATS)
                scaled = builder.fmul(scale, factor)
                builder.store(fma(builder, value, scaled, builder.load(one)), one)
        for place, one in zip(places, sums, strict=True):
            store(builder, builder.load(one), place)

    return _with_eleven_numbers(emit)


def _with_eleven_numbers(emit: Callable[[Builder, Sequence[Value]], None]) -> Callable[..., None]:
    @intrinsic
    def product(
        typing: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any, i: Any,
        j: Any, k: Any,
    ) -> Any:  # fmt: skip
        def codegen(context: Any, builder: Builder, _: Any, args: Sequence[Value]) -> Any:
            emit(builder, args)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 11), codegen

    return product


def _begin(builder: Builder, start: Value, chains: int) -> list[Value]:
    zero = ir.Constant(INTS, [0] * LANES)
    if not offset(instructions()):
        return [zero] * chains
    return [splat(builder, load(builder, start, I32)), *[zero] * (chains - 1)]


def _unpack(
    builder: Builder, block: Value, table: Value, pair: int, bits: int
) -> tuple[Value, Value]:
    """The levels of 16 outputs for inputs 8 · pair to 8 · pair + 3, and for the next four."""
    if bits == 8:
        at = builder.add(block, number(block, 128 * pair))
        return load(builder, at, BYTES, 1), load(builder, builder.add(at, number(at, 64)), BYTES, 1)
    packed = load(builder, builder.add(block, number(block, 64 * pair)), BYTES, 1)
    low = builder.and_(packed, ir.Constant(BYTES, [15] * 64))
    high = builder.lshr(packed, ir.Constant(BYTES, [4] * 64))
    return _look_up(builder, table, low), _look_up(builder, table, high)


def _look_up(builder: Builder, table: Value, index: Value) -> Value:
    if _WIDE:
        return call(builder, "llvm.x86.avx512.pshuf.b.512", BYTES, [table, index])
    half = ir.VectorType(I8, 2 * LANES)
    return _in_halves(builder, "llvm.x86.avx2.pshuf.b", [table, index], half)


def _dot(builder: Builder, total: Value, weights: Value, x: Value) -> Value:
    """total + the sums of four products each of unsigned weights with signed x."""
    if _WIDE:
        return call(builder, "llvm.x86.avx512.vpdpbusd.512", INTS, [total, weights, x])
    pairs = ir.VectorType(ir.IntType(16), LANES)
    two = _in_halves(builder, "llvm.x86.avx2.pmadd.ub.sw", [weights, x], pairs)
    ones = ir.Constant(two.type, [1] * two.type.count)
    half = ir.VectorType(I32, LANES // 2)
    return builder.add(total, _in_halves(builder, "llvm.x86.avx2.pmadd.wd", [two, ones], half))


def _signed_dot(builder: Builder, total: Value, weights: Value, x: Value) -> Value:
    """The same with signed weights: their sizes times x with their signs."""
    size = call(builder, "llvm.abs.v64i8", BYTES, [weights, ir.Constant(ir.IntType(1), 0)])
    half = ir.VectorType(I8, 2 * LANES)
    signed = _in_halves(builder, "llvm.x86.avx2.psign.b", [x, weights], half)
    return _dot(builder, total, size, signed)


def _in_halves(builder: Builder, name: str, args: Sequence[Value], result: Any) -> Value:
    half = args[0].type.count // 2
    low, high = (
        call(builder, name, result, [pick(builder, arg, arg, range(at, at + half)) for arg in args])
        for at in (0, half)
    )
    return pick(builder, low, high, range(2 * result.count))


def _fetch_ahead(builder: Builder, codes: Value, scales: Value, size: int) -> None:
    byte = I8.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte, I32, I32, I32])
    fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    how = [ir.Constant(I32, n) for n in (0, 3, 1)]  # to read, into all caches, data
    places = [(codes, _AHEAD + line) for line in range(0, size, 64)]
    for base, ahead in [*places, (scales, _AHEAD // 8)]:
        place = builder.inttoptr(builder.add(base, number(base, ahead)), byte)
        builder.call(fetch, [place, *how])
