# pyright: basic, reportCallIssue=false, reportArgumentType=false
# ruff: noqa: ANN001, ANN201, ANN202
"""Attention of one query head over cached keys and values in float16."""

import math

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from model.runner.cpu.isa import Isa, instructions
from model.runner.cpu.vectors import (
    FLOATS,
    HALVES,
    I32,
    INTS,
    LANES,
    call,
    constant,
    exp,
    fma,
    fold,
    load,
    pick,
    splat,
    store,
    sum_lanes,
)  # fmt: skip

# Keys whose products stay in registers until their lanes are added up.
_KEYS = 16 if instructions() is Isa.AVX512_VNNI else 4


def _numbers(size):
    return lambda n: ir.Constant(size, n)


@intrinsic
def scores(typingctx, query, keys, stride, tokens, size, out):
    """out[t] = query · keys[t] / √size. Reads keys, and writes, up to the next multiple of 16."""

    def codegen(context, builder, signature, args):
        query, keys, stride, tokens, size, out = args
        n = _numbers(size.type)
        vectors = builder.udiv(size, n(LANES))
        root = builder.uitofp(size, FLOATS.element)
        root = call(builder, "llvm.sqrt.f32", root.type, [root])
        scale = builder.fdiv(ir.Constant(root.type, 1.0), root)
        groups = builder.udiv(builder.add(tokens, n(_KEYS - 1)), n(_KEYS))
        sums = [cgutils.alloca_once(builder, FLOATS) for _ in range(_KEYS)]
        with cgutils.for_range(builder, groups, intp=size.type) as group:
            first = builder.add(keys, builder.mul(builder.mul(group.index, n(_KEYS)), stride))
            for one in sums:
                builder.store(constant(0.0), one)
            with cgutils.for_range(builder, vectors, intp=size.type) as part:
                own = load(builder, builder.add(query, builder.mul(part.index, n(64))), FLOATS)
                at = builder.add(first, builder.mul(part.index, n(32)))
                for i, one in enumerate(sums):
                    place = builder.add(at, builder.mul(stride, n(i)))
                    key = builder.fpext(load(builder, place, HALVES, 2), FLOATS)
                    builder.store(fma(builder, key, own, builder.load(one)), one)
            total = fold(builder, sum_lanes(builder, [builder.load(one) for one in sums]), _KEYS)
            spread = pick(builder, splat(builder, scale), splat(builder, scale), [0] * _KEYS)
            total = builder.fmul(total, spread)
            store(builder, total, builder.add(out, builder.mul(group.index, n(4 * _KEYS))))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 6), codegen


@intrinsic
def softmax(typingctx, numbers, count):
    """Softmax in place; what lies behind up to the next multiple of 16 is overwritten."""

    def codegen(context, builder, signature, args):
        numbers, count = args
        n = _numbers(count.type)
        parts = builder.udiv(builder.add(count, n(LANES - 1)), n(LANES))
        lanes = ir.Constant(INTS, list(range(LANES)))
        most, total = (cgutils.alloca_once(builder, FLOATS) for _ in range(2))
        builder.store(constant(-math.inf), most)
        builder.store(constant(0.0), total)
        with cgutils.for_range(builder, parts, intp=count.type) as part:
            at = builder.add(numbers, builder.mul(part.index, n(64)))
            left = builder.trunc(builder.sub(count, builder.mul(part.index, n(LANES))), I32)
            inside = builder.icmp_signed("<", lanes, splat(builder, left))
            value = builder.select(inside, load(builder, at, FLOATS), constant(-math.inf))
            store(builder, value, at)
            known = builder.load(most)
            more = builder.fcmp_ordered(">", value, known)
            builder.store(builder.select(more, value, known), most)
        top = call(builder, "llvm.vector.reduce.fmax.v16f32", FLOATS.element, [builder.load(most)])
        top = splat(builder, top)
        with cgutils.for_range(builder, parts, intp=count.type) as part:
            at = builder.add(numbers, builder.mul(part.index, n(64)))
            value = exp(builder, builder.fsub(load(builder, at, FLOATS), top))
            store(builder, value, at)
            builder.store(builder.fadd(builder.load(total), value), total)
        whole = fold(builder, builder.load(total), 1)
        whole = builder.extract_element(whole, ir.Constant(I32, 0))
        inverse = splat(builder, builder.fdiv(ir.Constant(whole.type, 1.0), whole))
        with cgutils.for_range(builder, parts, intp=count.type) as part:
            at = builder.add(numbers, builder.mul(part.index, n(64)))
            store(builder, builder.fmul(load(builder, at, FLOATS), inverse), at)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


def weigher(vectors):
    """An intrinsic for out = Σ weights[t] · values[t], `vectors` times 16 numbers wide."""

    @intrinsic
    def weigh(typingctx, weights, values, stride, tokens, out):
        def codegen(context, builder, signature, args):
            weights, values, stride, tokens, out = args
            n = _numbers(tokens.type)
            sums = [cgutils.alloca_once(builder, FLOATS) for _ in range(vectors)]
            for one in sums:
                builder.store(constant(0.0), one)
            with cgutils.for_range(builder, tokens, intp=tokens.type) as token:
                place = builder.add(weights, builder.mul(token.index, n(4)))
                weight = splat(builder, load(builder, place, FLOATS.element))
                at = builder.add(values, builder.mul(token.index, stride))
                for i, one in enumerate(sums):
                    value = load(builder, builder.add(at, n(32 * i)), HALVES, 2)
                    value = builder.fpext(value, FLOATS)
                    builder.store(fma(builder, value, weight, builder.load(one)), one)
            for i, one in enumerate(sums):
                store(builder, builder.load(one), builder.add(out, n(64 * i)))
            return context.get_dummy_value()

        return types.void(*[types.int64] * 5), codegen

    return weigh


@intrinsic
def narrow(typingctx, source, target, count):
    """Write `count` float32 numbers, a multiple of 16, as float16; beyond its range, its ends."""

    def codegen(context, builder, signature, args):
        source, target, count = args
        n = _numbers(count.type)
        parts = builder.udiv(count, n(LANES))
        with cgutils.for_range(builder, parts, intp=count.type) as part:
            value = load(builder, builder.add(source, builder.mul(part.index, n(64))), FLOATS)
            for word, bound in (("<", -65504.0), (">", 65504.0)):
                beyond = builder.fcmp_ordered(word, value, constant(bound))
                value = builder.select(beyond, constant(bound), value)
            place = builder.add(target, builder.mul(part.index, n(32)))
            store(builder, builder.fptrunc(value, HALVES), place, 2)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), codegen
