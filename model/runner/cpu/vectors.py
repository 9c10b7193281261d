# pyright: basic
"""LLVM instructions on vectors of 16 floats or 64 bytes, also where registers hold less."""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils

Builder = Value = Any  # llvmlite's, which are typed in part

LANES = 16

I8, I32, F16, F32 = ir.IntType(8), ir.IntType(32), ir.HalfType(), ir.FloatType()
BYTES, INTS = ir.VectorType(I8, 4 * LANES), ir.VectorType(I32, LANES)
FLOATS, HALVES = ir.VectorType(F32, LANES), ir.VectorType(F16, LANES)


def call(builder: Builder, name: str, result: ir.Type, args: Sequence[Value]) -> Value:
    """Call one of LLVM's own functions by its name."""
    kind = ir.FunctionType(result, [arg.type for arg in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)


def pick(builder: Builder, low: Value, high: Value, lanes: Sequence[int]) -> Value:
    """The lanes of two joined vectors at these numbers."""
    return builder.shuffle_vector(
        low, high, ir.Constant(ir.VectorType(I32, len(lanes)), list(lanes))
    )


def splat(builder: Builder, value: Value) -> Value:
    """16 times the same number."""
    one = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
    one = builder.insert_element(one, value, ir.Constant(I32, 0))
    return pick(builder, one, one, [0] * LANES)


def number(like: Value, value: int) -> Value:
    """An integer known now, of another's type."""
    return ir.Constant(like.type, value)


def step(builder: Builder, base: Value, stride: Value, times: int | Value) -> Value:
    """base + stride · times."""
    by = number(stride, times) if isinstance(times, int) else times
    return builder.add(base, builder.mul(stride, by))


def constant(value: float) -> Value:
    """16 times a float known now."""
    return ir.Constant(FLOATS, [value] * LANES)


def load(builder: Builder, address: Value, kind: ir.Type, align: int = 4) -> Value:
    """What lies at an address given as a number."""
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=align)


def store(builder: Builder, value: Value, address: Value, align: int = 4) -> None:
    """Write to an address given as a number."""
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=align)


def fma(builder: Builder, a: Value, b: Value, c: Value) -> Value:
    """a · b + c, rounded once."""
    return call(builder, "llvm.fma.v16f32", FLOATS, [a, b, c])


def sum_lanes(builder: Builder, vectors: Sequence[Value]) -> Value:
    """The sum of each vector's lanes, as one vector; the count of vectors is a power of two."""
    while len(vectors) > 1:
        vectors = [
            _neighbours(builder, low, high)
            for low, high in zip(vectors[::2], vectors[1::2], strict=True)
        ]
    (total,) = vectors
    return total


def fold(builder: Builder, vector: Value, count: int) -> Value:
    """Add neighbouring lanes until `count` are left."""
    while vector.type.count > count:
        half = vector.type.count // 2
        even = pick(builder, vector, vector, [2 * i for i in range(half)])
        vector = builder.fadd(even, pick(builder, vector, vector, [2 * i + 1 for i in range(half)]))
    return vector


def _neighbours(builder: Builder, low: Value, high: Value) -> Value:
    even = pick(builder, low, high, [2 * i for i in range(LANES)])
    return builder.fadd(even, pick(builder, low, high, [2 * i + 1 for i in range(LANES)]))


_POLYNOMIAL = (1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)


def exp(builder: Builder, x: Value) -> Value:
    """e to the power of each lane; below -87 as at -87, above 87 as at 87, NaN stays.

    The polynomial is that of Cephes' expf: relative error below 1e-6.
    """
    for word, bound in (("<", -87.0), (">", 87.0)):
        beyond = builder.fcmp_ordered(word, x, constant(bound))
        x = builder.select(beyond, constant(bound), x)
    scaled = fma(builder, x, constant(1.4426950408889634), constant(0.5))
    n = call(builder, "llvm.floor.v16f32", FLOATS, [scaled])
    x = fma(builder, n, constant(-0.693359375), x)
    x = fma(builder, n, constant(2.12194440e-4), x)
    p = constant(1.9875691500e-4)
    for factor in _POLYNOMIAL:
        p = fma(builder, p, x, constant(factor))
    p = fma(builder, builder.fmul(p, x), x, builder.fadd(x, constant(1.0)))
    power = builder.add(builder.fptosi(n, INTS), ir.Constant(INTS, [127] * LANES))
    power = builder.shl(power, ir.Constant(INTS, [23] * LANES))
    return builder.fmul(p, builder.bitcast(power, FLOATS))
