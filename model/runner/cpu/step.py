# pyright: basic, reportCallIssue=false, reportArgumentType=false
# ruff: noqa: ANN401
"""A whole step, embedding to logits, as one function that every thread of a team runs."""

from typing import Any

from numba import from_dtype, int64, njit, types

from model.runner.cpu.attention import narrow, scores, softmax, weigher
from model.runner.cpu.elementwise import gated
from model.runner.cpu.isa import instructions, offset
from model.runner.cpu.matrices import barrier, product, share
from model.runner.cpu.packing import BLOCK, TILE
from model.runner.cpu.records import MATRIX, STEP
from model.runner.cpu.tokens import floats, integers, norm, quantise, records, rotate

_OFFSET = offset(instructions())
_matrices, _steps = records(from_dtype(MATRIX)), records(from_dtype(STEP))
_thread_num = types.ExternalFunction("omp_get_thread_num", types.int32())
_num_threads = types.ExternalFunction("omp_get_num_threads", types.int32())
_weigh4, _weigh1 = weigher(4), weigher(1)


def step(address: int) -> None:
    """Run this thread's part of the step whose record lies at an address."""
    s = _steps(address, 1)[0]
    thread, threads = int64(_thread_num()), int64(_num_threads())
    for layer in range(s.layers):
        _attention_half(s, layer, thread, threads)
        _mlp_half(s, layer, thread, threads)
    if s.picked > 0:
        _head(s, thread, threads)


@njit
def _attention_half(s: Any, layer: int, thread: int, threads: int) -> None:
    size, group = s.heads * s.head_dim, layer * 4
    matrices = _matrices(s.matrices, group + 2)
    first, last = share(s.tokens, thread, threads)
    for t in range(first, last):
        _normed(s, s.x + t * s.hidden * 4, s.norms + layer * 2 * s.hidden * 4, t)
    barrier()
    product(s, matrices[group], group, s.tokens, s.y, False, thread, threads)
    barrier()
    width = matrices[group].tiles * TILE
    _place(s, layer, width, thread, threads)
    barrier()
    _attention(s, layer, width, thread, threads)
    barrier()
    for t in range(first, last):
        _codes(s, t, size)
    barrier()
    product(s, matrices[group + 1], group + 1, s.tokens, s.x, True, thread, threads)
    barrier()


@njit
def _mlp_half(s: Any, layer: int, thread: int, threads: int) -> None:
    inter, group = s.inter, layer * 4 + 2
    matrices = _matrices(s.matrices, group + 2)
    first, last = share(s.tokens, thread, threads)
    for t in range(first, last):
        _normed(s, s.x + t * s.hidden * 4, s.norms + (layer * 2 + 1) * s.hidden * 4, t)
    barrier()
    product(s, matrices[group], group, s.tokens, s.y, False, thread, threads)
    barrier()
    width = matrices[group].tiles * TILE
    for t in range(first, last):
        gate = s.y + t * width * 4
        gated(gate, gate + inter * 4, inter, s.values + t * inter * 4)
        _codes(s, t, inter)
    barrier()
    product(s, matrices[group + 1], group + 1, s.tokens, s.x, True, thread, threads)
    barrier()


@njit
def _head(s: Any, thread: int, threads: int) -> None:
    """The logits of the rows that are sampled."""
    pick = integers(s.pick, s.picked)
    first, last = share(s.picked, thread, threads)
    for row in range(first, last):
        _normed(s, s.x + pick[row] * s.hidden * 4, s.final_norm, row)
    barrier()
    head = _matrices(s.matrices, s.layers * 4 + 1)[s.layers * 4]
    product(s, head, -1, s.picked, s.logits, False, thread, threads)


@njit
def _normed(s: Any, x: int, weight: int, row: int) -> None:
    size = s.hidden
    out = floats(s.values + row * size * 4, size)
    norm(floats(x, size), floats(weight, size), s.eps, out)
    _codes(s, row, size)


@njit
def _codes(s: Any, row: int, size: int) -> None:
    blocks = size // BLOCK * 4
    values, codes = s.values + row * size * 4, s.codes + row * size
    quantise(values, size, codes, s.scales + row * blocks, s.starts + row * blocks, _OFFSET)


@njit
def _place(s: Any, layer: int, width: int, thread: int, threads: int) -> None:
    """Rotate queries and keys, and write keys and values into the cache."""
    size, kv = s.head_dim, s.kv_heads
    slot, position = integers(s.slot, s.tokens), integers(s.position, s.tokens)
    heads = s.heads + 2 * kv
    first, last = share(s.tokens * heads, thread, threads)
    for unit in range(first, last):
        token, head = unit // heads, unit % heads
        source = s.y + (token * width + head * size) * 4
        if head < s.heads + kv:
            at = position[token] * size * 4
            rotate(floats(source, size), floats(s.cos + at, size), floats(s.sin + at, size))
        if head >= s.heads:
            place = (layer * s.slots + slot[token]) * 2 * kv + head - s.heads
            narrow(source, s.cache + place * size * 2, size)


@njit
def _attention(s: Any, layer: int, width: int, thread: int, threads: int) -> None:
    """Each query over the keys of its row up to its own, head by head."""
    size, kv = s.head_dim, s.kv_heads
    row_start, position = integers(s.row_start, s.tokens), integers(s.position, s.tokens)
    numbers = s.scores + thread * s.scores_stride
    stride = 2 * kv * size * 2
    first, last = share(s.tokens * s.heads, thread, threads)
    for unit in range(first, last):
        head, token = unit // s.tokens, unit % s.tokens
        place = (layer * s.slots + row_start[token]) * 2 * kv + head // (s.heads // kv)
        keys, count = s.cache + place * size * 2, position[token] + 1
        query = s.y + (token * width + head * size) * 4
        out = s.values + (token * s.heads + head) * size * 4
        attend(query, keys, keys + kv * size * 2, stride, count, size, numbers, out)


@njit
def attend(
    query: int, keys: int, values: int, stride: int, count: int, size: int, numbers: int, out: int
) -> None:
    """One head's attention over `count` keys and values, which lie `stride` bytes apart.

    `numbers` is the address of scratch space for scores, 16 more than `count`.
    """
    scores(query, keys, stride, count, size, numbers)
    softmax(numbers, count)
    for part in range(size // 64):
        _weigh4(numbers, values + part * 128, stride, count, out + part * 256)
    for part in range(size // 64 * 4, size // 16):
        _weigh1(numbers, values + part * 32, stride, count, out + part * 64)
