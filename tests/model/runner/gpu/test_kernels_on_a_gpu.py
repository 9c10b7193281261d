"""On a GPU: every kernel beside plain float32, on fresh random data. Skipped elsewhere."""

import ctypes
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from model.runner.gpu.compiler import compiled
from model.runner.gpu.inputs import SamplerParameters
from model.runner.gpu.kernel_set import KernelSet, shapes
from model.runner.gpu.matrix import Unpacker
from model.runner.gpu.product import Epilogue, Shape, product, product_kernel, resident_blocks
from model.runner.gpu.tiles import from_operand_x, operand_x
from model.runner.sampler import RowSampler
from model.sampling import SamplingParams
from tests.model.runner.gpu.kernel_reference import (
    DIM,
    HIDDEN,
    KV,
    error,
    extras,
    order_of,
    product_errors,
    random_matrix,
)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU"),
]
PLACES = {Epilogue.QKV: (0,), Epilogue.RESIDUAL: (1, 3), Epilogue.GATE_UP: (2,)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


def pointers(*tensors: Tensor | None) -> list[ctypes.c_void_p]:
    return [ctypes.c_void_p(None if t is None else t.data_ptr()) for t in tensors]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("rows", [1, 5, 8, 16, 24, 32, 48, 64])
@pytest.mark.parametrize("epilogue", PLACES)
def test_products_are_right_in_every_shape_that_is_used(
    epilogue: Epilogue, rows: int, bias: bool, folder: Path
) -> None:
    chosen = shapes(-(-rows // 8))
    for place in PLACES[epilogue]:
        errors = product_errors(folder, epilogue, chosen[place], rows, bias=bias)
        assert max(errors) < 4e-3, errors  # NaN fails too


def test_keys_and_values_are_rounded_to_one_byte_as_torch_does(folder: Path) -> None:
    rows, shape = 5, shapes(1)[0]
    order = order_of(Epilogue.QKV, 6144)
    matrix, _ = random_matrix(6144, HIDDEN, order)
    x = operand_x(torch.randn(rows, HIDDEN, device="cuda") * 300, 1)
    caches: list[Tensor] = []
    for size, dtype in ((2, torch.bfloat16), (1, torch.float8_e4m3fn)):
        tensors, numbers = extras(Epilogue.QKV, 6144, rows, 1)
        caches.append(torch.zeros(512, 2 * KV, DIM, device="cuda").to(dtype))
        tensors |= {
            "cache": caches[-1], "slots": torch.arange(8, device="cuda") * 3,
            "positions": torch.arange(8, dtype=torch.int32, device="cuda"),
            "rotary": torch.ones(512, DIM // 2, 2, device="cuda"),
        }  # fmt: skip
        kernel = product_kernel(folder, Epilogue.QKV, 1, shape, size)
        product(kernel, shape, matrix, x, rows, resident_blocks(kernel, shape.threads), 0.0,
                tensors, **numbers)  # fmt: skip
    whole, rounded = (cache.float() for cache in caches)
    assert whole.abs().max() > 448
    expected = whole.clamp(-448, 448).to(torch.float8_e4m3fn).float()
    # bfloat16 has rounded before: of two neighbours the other one may be nearer without that.
    assert (rounded == expected).float().mean() > 0.98
    assert error(rounded, expected) < 0.01


@pytest.mark.parametrize("shape", [Shape(2, 4, 2, 2, 3), Shape(1, 2, 4, 4)])
@pytest.mark.parametrize("rows", [3, 64])
def test_a_plain_product_is_right(rows: int, shape: Shape, folder: Path) -> None:
    assert max(product_errors(folder, Epilogue.PLAIN, shape, rows)) < 3e-3


def test_a_row_of_nan_reaches_no_other(folder: Path) -> None:
    matrix, _ = random_matrix(320, 1024)
    shape = Shape(2, 1, 8, 4)
    kernel = product_kernel(folder, Epilogue.PLAIN, 2, shape)
    fits = resident_blocks(kernel, shape.threads)
    x = torch.randn(16, 1024, device="cuda").bfloat16()
    outs: list[Tensor] = []
    for _ in range(2):
        outs.append(torch.full((16, 320), math.nan, device="cuda"))
        given = {"out": outs[-1]}
        product(kernel, shape, matrix, operand_x(x, 2), 16, fits, tensors=given)
        x[3] = math.nan
    others = [i for i in range(16) if i != 3]
    assert torch.equal(outs[0][others], outs[1][others])
    assert outs[1][3].isnan().all()


def test_a_matrix_is_unpacked(folder: Path) -> None:
    order = torch.randperm(160, device="cuda")
    matrix, dense = random_matrix(160, 192, order)
    assert error(Unpacker(folder).dense(matrix), dense) < 3e-3


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn])
@pytest.mark.parametrize("rows", [1, 3, 64])
@pytest.mark.parametrize(("dim", "group"), [(64, 3), (64, 7), (128, 1), (128, 4), (128, 7)])
def test_attention_reads_each_rows_own_blocks(
    dim: int, group: int, rows: int, dtype: torch.dtype, folder: Path
) -> None:
    block, blocks, kv, columns = 32, 12, 2, -(-rows // 8)
    kernels = KernelSet(
        folder, head_dim=dim, group=group, block_tokens=block, vocabulary=100,
        cache_bytes=dtype.itemsize,
    )  # fmt: skip
    lengths = torch.randint(1, block * blocks + 1, (rows,), device="cuda", dtype=torch.int32)
    lengths[0] = 1
    tables = torch.randperm(rows * blocks, device="cuda", dtype=torch.int32).view(rows, blocks)
    cache = torch.full((rows * blocks * block, 2 * kv, dim), math.nan, device="cuda")
    queries = torch.randn(rows, kv * group, dim, device="cuda").bfloat16()
    expected = torch.zeros(rows, kv * group, dim, device="cuda")
    for i, length in enumerate(lengths.tolist()):
        at = torch.arange(length, device="cuda")
        slots = tables[i].long()[at // block] * block + at % block
        cache[slots] = (torch.randn(length, 2 * kv, dim, device="cuda") * 2).to(dtype).float()
        keys, values = cache[slots].transpose(0, 1).split(kv)
        q = queries[i].float().view(kv, group, dim)
        weights = (q @ keys.transpose(1, 2) / math.sqrt(dim)).softmax(-1)
        expected[i] = (weights @ values).view(-1, dim)
    splits = max(1, min(16, 512 // (rows * kv)))
    partial = torch.full((rows * kv * splits * group * (dim + 2),), math.nan, device="cuda")
    arrived = torch.zeros(rows * kv, dtype=torch.int32, device="cuda")
    out = operand_x(torch.full((rows, kv * group * dim), math.nan, device="cuda"), columns)
    kernels.of(columns).attention.launch(
        (splits, kv, rows), 128, *pointers(queries, cache.to(dtype), lengths, tables),
        ctypes.c_int(blocks), ctypes.c_int(kv),
        ctypes.c_float(math.log2(math.e) / math.sqrt(dim)), *pointers(partial, arrived, out),
    )  # fmt: skip
    assert error(from_operand_x(out)[:rows].view_as(expected), expected) < 6e-3
    assert not arrived.any()


def draw(folder: Path, logits: Tensor, params: list[SamplingParams], counts: Tensor) -> list[int]:
    """One token a row, each row's counts in the slot of its number."""
    held = 32 if logits.shape[1] <= 32 * 1024 else 0
    kernel = compiled("sample", "sample", folder, HELD=held)
    raw = b"".join(bytes(SamplerParameters.of(p, i, 0)) for i, p in enumerate(params))
    given = torch.frombuffer(bytearray(raw), dtype=torch.uint8).cuda()
    ids = torch.full((len(params),), -7, dtype=torch.int64, device="cuda")
    tokens = torch.full((len(params),), -7, dtype=torch.int32, device="cuda")
    kernel.launch(
        (len(params),), 1024, *pointers(logits.clone()), ctypes.c_int(logits.shape[1]),
        *pointers(given, counts, ids, tokens, None, None, None),
    )  # fmt: skip
    found = tokens.tolist()
    assert ids.tolist() == [max(token, 0) for token in found]
    return found


@pytest.mark.parametrize("vocab", [400, 32_000, 151_936])
def test_greedy_rows_get_the_samplers_token_with_its_penalties(vocab: int, folder: Path) -> None:
    params = [
        SamplingParams(max_tokens=9, temperature=0, repetition_penalty=r, frequency_penalty=f)
        for r, f in ((1.0, 0.0), (1.3, 0.0), (1.0, 1.5), (0.5, -1.0))
    ]
    logits = torch.randn(4, vocab, device="cuda") * 4
    prompt = tuple(torch.randint(0, vocab, (50,)).tolist())
    counts = torch.zeros(4, vocab, dtype=torch.int16, device="cuda")
    samplers = [RowSampler(one, prompt, vocab) for one in params]
    for i, one in enumerate(params):
        if one.repetition_penalty != 1.0:
            counts[i, list(set(prompt))] = -(2**15)
    for _ in range(20):
        wanted = [s.sample(row) for s, row in zip(samplers, logits.cpu(), strict=True)]
        assert draw(folder, logits, params, counts) == wanted


@pytest.mark.parametrize(
    "options",
    [{}, {"top_k": 5}, {"top_p": 0.6}, {"min_p": 0.1}, {"top_k": 40, "top_p": 0.8, "min_p": 0.02}],
)
@pytest.mark.parametrize("vocab", [60, 40_000])
def test_draws_follow_the_filtered_distribution(
    vocab: int, options: dict[str, float], folder: Path
) -> None:
    rows = 512
    base = torch.full((vocab,), -60.0)
    base[:60] = torch.randn(60) * 2
    sampler = RowSampler(SamplingParams(max_tokens=1, **options), (), vocab)  # pyright: ignore[reportArgumentType]
    top, ids = sampler._candidates(base - base.max())
    wanted = torch.zeros(vocab)
    wanted[ids] = sampler._min_p(top.softmax(-1))
    wanted /= wanted.sum()
    seen = torch.zeros(vocab)
    counts = torch.zeros(rows, vocab, dtype=torch.int16, device="cuda")
    for part in range(8):
        params = [
            SamplingParams(max_tokens=1, seed=part * rows + i, **options)  # pyright: ignore[reportArgumentType]
            for i in range(rows)
        ]
        for token in draw(folder, base.cuda().repeat(rows, 1), params, counts):
            seen[token] += 1
    assert not seen[wanted == 0].any()
    difference = (seen / seen.sum() - wanted).abs()
    assert difference.max() < 5 * math.sqrt(0.25 / (8 * rows))


def test_a_seed_gives_the_same_token_in_any_place(folder: Path) -> None:
    logits = torch.randn(1, 5000, device="cuda").repeat(64, 1)
    counts = torch.zeros(64, 5000, dtype=torch.int16, device="cuda")
    seeds = [SamplingParams(max_tokens=1, seed=2**63 - 1 - i % 8) for i in range(64)]
    tokens = draw(folder, logits, seeds, counts)
    assert tokens == tokens[:8] * 8
    assert len(set(tokens)) > 1


@pytest.mark.parametrize("vocab", [5000, 40_000])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_row_with_nan_gets_no_token_and_others_theirs(
    temperature: float, vocab: int, folder: Path
) -> None:
    logits = torch.randn(3, vocab, device="cuda")
    params = [SamplingParams(max_tokens=1, temperature=temperature, seed=1)] * 3
    counts = torch.zeros(3, vocab, dtype=torch.int16, device="cuda")
    whole = draw(folder, logits, params, counts)
    logits[1, 17] = math.nan
    assert draw(folder, logits, params, counts) == [whole[0], -1, whole[2]]
