"""The product's kernel beside plain float32, on fresh random data of a Mistral-7B's shapes.

What a kernel writes is poisoned with NaN before, so that nothing can be left out.
"""

from pathlib import Path

import torch
from torch import Tensor

from model.runner.gpu.matrix import paired_order, rotary_order
from model.runner.gpu.product import Epilogue, Shape, product, product_kernel, resident_blocks
from model.runner.gpu.tiles import Tiles, from_operand_x, operand_a, operand_x, tile

HEADS, KV, DIM, HIDDEN, INNER = 32, 8, 128, 4096, 14336
SIZES = {
    Epilogue.PLAIN: (320, 4096),
    Epilogue.QKV: (6144, 4096),
    Epilogue.RESIDUAL: (4096, 2048),
    Epilogue.GATE_UP: (2048, 4096),
}
STEPS = 3  # of 16 ranks
NF4 = [
    -1.0, -0.6961928, -0.5250730, -0.3949175, -0.2844414, -0.1847734, -0.0910500, 0.0,
    0.0795803, 0.1609302, 0.2461123, 0.3379152, 0.4407098, 0.5626170, 0.7229568, 1.0,
]  # fmt: skip


def error(out: Tensor, reference: Tensor) -> float:
    """‖out − reference‖ / ‖reference‖; NaN stays NaN."""
    return float((out.double() - reference.double()).norm() / reference.double().norm())


def random_matrix(outputs: int, inputs: int, order: Tensor | None = None) -> tuple[Tiles, Tensor]:
    """A random NF4 matrix in tiles, and the same dense in float32, outputs in their own order."""
    codes = torch.randint(0, 16, (outputs, inputs), dtype=torch.uint8, device="cuda")
    scales = torch.rand(outputs, inputs // 64, device="cuda") * 0.05 + 0.01
    code = torch.tensor(NF4, device="cuda")
    order = torch.arange(outputs, device="cuda") if order is None else order
    dense = code[codes.int()] * scales.repeat_interleave(64, dim=1)
    return tile(codes, scales, code, order), dense


def untile(matrix: Tiles) -> Tensor:
    """The dense matrix, read byte by byte as `kernels/unpack.cu` does."""
    out = [[float("nan")] * matrix.inputs for _ in range(matrix.outputs)]
    code, order = matrix.code.tolist(), matrix.order.tolist()
    weights, scales = matrix.weights.tolist(), matrix.scales.float().tolist()
    for t in range(len(weights)):
        for block in range(len(weights[t])):
            for lane in range(32):
                g, q = lane // 4, lane % 4
                for at, byte in enumerate(weights[t][block][lane]):
                    step, word = at // 4, at % 4
                    row = order[t * 16 + g + (word & 1) * 8]
                    k = block * 64 + step * 16 + q * 2 + (word >> 1) * 8
                    factor = scales[t][block][g][word & 1] * matrix.unit
                    out[row][k : k + 2] = code[byte & 15] * factor, code[byte >> 4] * factor
    return torch.tensor(out)


def extras(
    epilogue: Epilogue, outputs: int, rows: int, columns: int
) -> tuple[dict[str, Tensor], dict[str, int]]:
    """Tensors and numbers that an epilogue needs, poisoned where it writes."""
    nan = float("nan")
    padded = columns * 8
    if epilogue is Epilogue.PLAIN:
        return {"out": torch.full((rows, outputs), nan, device="cuda")}, {}
    if epilogue is Epilogue.QKV:
        angles = torch.rand(512, DIM // 2, device="cuda") * 6
        return {
            "out": torch.full((rows, HEADS * DIM), nan, dtype=torch.bfloat16, device="cuda"),
            "cache": torch.full((512, 2 * KV, DIM), nan, dtype=torch.bfloat16, device="cuda"),
            "slots": torch.randperm(512, device="cuda")[:padded],
            "positions": torch.randint(0, 512, (padded,), dtype=torch.int32, device="cuda"),
            "rotary": torch.stack([angles.cos(), angles.sin()], -1).contiguous(),
        }, {"heads": HEADS, "kv_heads": KV, "head_dim": DIM}
    if epilogue is Epilogue.RESIDUAL:
        return {
            "out": torch.full(
                (outputs // 64, columns, 2, 32, 8), nan, dtype=torch.bfloat16, device="cuda"
            ),
            "residual": torch.randn(rows, outputs, device="cuda"),
            "norm": torch.rand(outputs, device="cuda") + 0.5,
            "next_squares": torch.full((outputs // 16, padded), nan, device="cuda"),
        }, {}
    return {
        "out": torch.full(
            (outputs // 128, columns, 2, 32, 8), nan, dtype=torch.bfloat16, device="cuda"
        )
    }, {}


def order_of(epilogue: Epilogue, outputs: int) -> Tensor:
    """Which output stands at which place."""
    if epilogue is Epilogue.QKV:
        return rotary_order(HEADS + 2 * KV, DIM).cuda()
    if epilogue is Epilogue.GATE_UP:
        return paired_order(outputs // 2).cuda()
    return torch.arange(outputs, device="cuda")


def product_errors(
    folder: Path, epilogue: Epilogue, shape: Shape, rows: int, *, bias: bool = False
) -> list[float]:
    """The relative errors of all that a product with norm and two adapters writes."""
    outputs, inputs = SIZES[epilogue]
    columns = -(-rows // 8)
    matrix, dense = random_matrix(outputs, inputs, order_of(epilogue, outputs))
    x = torch.randn(rows, inputs, device="cuda").bfloat16()
    squares = torch.rand(7, columns * 8, device="cuda") + 0.1
    tensors, numbers = extras(epilogue, outputs, rows, columns)
    before = tensors["residual"].clone() if "residual" in tensors else None
    lora, low = adapters(matrix, x, columns)
    added = torch.randn(outputs, device="cuda") if bias else torch.zeros(outputs, device="cuda")
    tensors |= {"squares": squares, **lora}
    if bias:
        tensors["bias"] = added[matrix.order.long()]
    kernel = product_kernel(folder, epilogue, columns, shape)
    fits = resident_blocks(kernel, shape.threads)
    product(kernel, shape, matrix, operand_x(x, columns), rows, fits, 1e-5,
            tensors, parts=7, lora_steps=STEPS, slices=8, **numbers)  # fmt: skip
    torch.cuda.synchronize()
    assert not tensors["lora_state"].any(), "what blocks wait for was not put back"
    scale = (squares.sum(0)[:rows] / inputs + 1e-5).rsqrt()[:, None]
    y = (x.float() @ dense.t() + low) * scale + added
    return outcome(epilogue, y, tensors, rows, before)


def adapters(matrix: Tiles, x: Tensor, columns: int) -> tuple[dict[str, Tensor], Tensor]:
    """Two adapters, the second with two steps of ranks, some rows with none; and what they add."""
    owner = torch.tensor([0, 1, 1], dtype=torch.int32, device="cuda")
    of_row = torch.randint(-1, 2, (columns * 8,), dtype=torch.int32, device="cuda")
    a = torch.randn(16 * STEPS, matrix.inputs, device="cuda").bfloat16() * 0.05
    b = torch.randn(matrix.outputs, 16 * STEPS, device="cuda").bfloat16() * 0.05
    ranges = torch.tensor([[0, STEPS]] * (matrix.outputs // 16), dtype=torch.int32, device="cuda")
    nan = float("nan")
    tensors = {
        "lora_a": operand_a(a),
        "lora_b": operand_a(b[matrix.order.long()]),
        "lora_owner": owner,
        "row_adapter": of_row,
        "lora_range": ranges,
        "lora_slices": torch.full((STEPS * 8 * columns * 128,), nan, device="cuda"),
        "lora_low": torch.full((STEPS * columns * 128,), nan, dtype=torch.bfloat16, device="cuda"),
        "lora_state": torch.zeros(4, dtype=torch.int32, device="cuda"),
    }
    own = (of_row[: len(x), None] == owner[None]).repeat_interleave(16, dim=1)
    return tensors, torch.where(own, x.float() @ a.float().t(), 0) @ b.float().t()


def outcome(
    epilogue: Epilogue, y: Tensor, tensors: dict[str, Tensor], rows: int, before: Tensor | None
) -> list[float]:
    """The relative errors of all that an epilogue writes."""
    out = tensors["out"]
    if epilogue is Epilogue.PLAIN:
        return [error(out, y)]
    if epilogue is Epilogue.RESIDUAL and before is not None:
        stream = before + y
        squares = tensors["next_squares"].sum(0)[:rows]
        return [
            error(tensors["residual"], stream),
            error(from_operand_x(out)[:rows], stream * tensors["norm"]),
            error(squares, stream.square().sum(1)),
        ]
    if epilogue is Epilogue.GATE_UP:
        gate, up = y.chunk(2, dim=1)
        return [error(from_operand_x(out)[:rows], torch.nn.functional.silu(gate) * up)]
    heads = y.view(rows, HEADS + 2 * KV, DIM)
    turn = tensors["rotary"][tensors["positions"][:rows].long()]
    cos, sin = turn[..., 0][:, None], turn[..., 1][:, None]
    first, second = heads[:, : HEADS + KV].chunk(2, dim=-1)
    turned = torch.cat([first * cos - second * sin, second * cos + first * sin], -1)
    held = tensors["cache"][tensors["slots"][:rows]]
    return [
        error(out.view(rows, HEADS, DIM), turned[:, :HEADS]),
        error(held[:, :KV], turned[:, HEADS:]),
        error(held[:, KV:], heads[:, HEADS + KV :]),
    ]
