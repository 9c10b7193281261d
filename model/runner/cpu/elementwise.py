# pyright: basic, reportCallIssue=false, reportArgumentType=false
# ruff: noqa: ANN001, ANN201, ANN202
"""Loops over the numbers of one row: gate and up, float16, and an adapter's two products."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from model.runner.cpu.vectors import (
    FLOATS,
    HALVES,
    LANES,
    constant,
    exp,
    fma,
    fold,
    load,
    number,
    splat,
    step,
    store,
)  # fmt: skip


@intrinsic
def gated(typingctx, gate, up, count, out):
    """out = silu(gate) · up for `count` numbers, a multiple of 16."""

    def codegen(context, builder, signature, args):
        gate, up, count, out = args
        parts = builder.udiv(count, number(count, LANES))
        with cgutils.for_range(builder, parts, intp=count.type) as part:
            at = builder.mul(part.index, number(count, 64))
            g, u = (load(builder, builder.add(base, at), FLOATS) for base in (gate, up))
            below = builder.fadd(exp(builder, builder.fneg(g)), constant(1.0))
            store(builder, builder.fmul(builder.fdiv(g, below), u), builder.add(out, at))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), codegen


@intrinsic
def dot_half(typingctx, x, halves, count, out):
    """out = x · halves, for `count` float32 and float16 numbers, a multiple of 64."""

    def codegen(context, builder, signature, args):
        x, halves, count, out = args
        sums = [cgutils.alloca_once(builder, FLOATS) for _ in range(4)]
        for one in sums:
            builder.store(constant(0.0), one)
        parts = builder.udiv(count, number(count, 4 * LANES))
        with cgutils.for_range(builder, parts, intp=count.type) as part:
            for i, one in enumerate(sums):
                at = builder.add(builder.mul(part.index, number(count, 4)), number(count, i))
                left = load(builder, step(builder, x, number(count, 64), at), FLOATS)
                half = load(builder, step(builder, halves, number(count, 32), at), HALVES, 2)
                right = builder.fpext(half, FLOATS)
                builder.store(fma(builder, left, right, builder.load(one)), one)
        first, second, third, fourth = (builder.load(one) for one in sums)
        total = builder.fadd(builder.fadd(first, second), builder.fadd(third, fourth))
        total = fold(builder, total, 1)
        store(builder, builder.extract_element(total, ir.Constant(ir.IntType(32), 0)), out)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), codegen


@intrinsic
def add_halves(typingctx, factors, rank, halves, stride, count, out):
    """out += Σ factors[r] · halves[r], `count` numbers, a multiple of 16; `stride` in bytes."""

    def codegen(context, builder, signature, args):
        factors, rank, halves, stride, count, out = args
        parts = builder.udiv(count, number(count, LANES))
        with cgutils.for_range(builder, parts, intp=count.type) as part:
            place = step(builder, out, number(count, 64), part.index)
            column = step(builder, halves, number(count, 32), part.index)
            total = cgutils.alloca_once(builder, FLOATS)
            builder.store(load(builder, place, FLOATS), total)
            with cgutils.for_range(builder, rank, intp=count.type) as r:
                at = step(builder, factors, number(count, 4), r.index)
                factor = splat(builder, load(builder, at, FLOATS.element))
                half = load(builder, step(builder, column, stride, r.index), HALVES, 2)
                value = builder.fpext(half, FLOATS)
                builder.store(fma(builder, value, factor, builder.load(total)), total)
            store(builder, builder.load(total), place)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 6), codegen
