"""What a decode step is told about its rows, written by the host and copied in one piece."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from model.sampling import SamplingParams


class SamplerParameters(ctypes.Structure):
    """One row's sampling, as kernels/sample.cu reads it. A row in slot -1 is left as it is."""

    _fields_ = (
        ("temperature", ctypes.c_float),
        ("top_p", ctypes.c_float),
        ("min_p", ctypes.c_float),
        ("repetition", ctypes.c_float),
        ("frequency", ctypes.c_float),
        ("presence", ctypes.c_float),
        ("top_k", ctypes.c_int),
        ("slot", ctypes.c_int),
        ("seed_low", ctypes.c_uint),
        ("seed_high", ctypes.c_uint),
        ("step", ctypes.c_uint),
        ("unused", ctypes.c_int),
    )

    @classmethod
    def of(cls, params: SamplingParams, slot: int, step: int) -> "SamplerParameters":
        """The parameters of a row whose counts are in `slot`, for its answer's token `step`.

        Any whole number is a seed; those that differ by 2**64 are the same.
        """
        seed = (params.seed or 0) % 2**64
        return cls(
            params.temperature, params.top_p, params.min_p, params.repetition_penalty,
            params.frequency_penalty, params.presence_penalty, params.top_k, slot,
            seed % 2**32, seed // 2**32, step, 0,
        )  # fmt: skip


NOBODY = SamplerParameters(slot=-1)  # of a place whose token nobody wants


@dataclass(frozen=True, slots=True)
class DecodeRow:
    """One place of a decode step: a row's token, where that stands, and its cache and adapter.

    `adapter` is the adapter's number, -1 for the base. `slot` is the cache slot of the token,
    `block` the first of the row's neighbouring cache blocks.
    """

    token: int
    position: int
    slot: int
    block: int
    adapter: int
    sampling: SamplerParameters


class StepInputs:
    """The device's inputs of a step for up to `rows` rows, and the host's copy of them.

    A row's cache blocks stand in a table of `table_width`; rows without a request compute into
    `spare_block`.
    """

    def __init__(
        self,
        rows: int,
        table_width: int,
        spare_block: int,
        block_tokens: int,
        device: torch.device,
    ) -> None:
        self._spare, self._block_tokens = spare_block, block_tokens
        sizes = [8, 8, 4, 4, 4, ctypes.sizeof(SamplerParameters), 4 * table_width]
        begins = [0]
        for size in sizes:
            begins.append(begins[-1] + size * rows)
        on_gpu = device.type == "cuda"
        self._host = torch.zeros(begins[-1], dtype=torch.uint8, pin_memory=on_gpu)
        self._device = torch.zeros_like(self._host, device=device)
        self._copied = torch.cuda.Event() if on_gpu else None
        kinds = [torch.int64] * 2 + [torch.int32] * 3 + [torch.uint8, torch.int32]
        views = [
            [whole[begins[i] : begins[i + 1]].view(kind) for i, kind in enumerate(kinds)]
            for whole in (self._host, self._device)
        ]
        self._to = views[0]
        self.ids, self.slots, self.positions, self.lengths, self.adapters = views[1][:5]
        self.parameters = views[1][5]
        self.tables = views[1][6].view(rows, table_width)
        self._tables = self._to[6].view(rows, table_width)
        self._ranges = torch.arange(table_width, dtype=torch.int32)
        self._first_blocks = [-1] * rows

    def write(self, rows: Sequence[DecodeRow], padded: int) -> None:
        """Copy the rows to the device; those up to `padded` compute into a spare block."""
        if self._copied is not None:
            self._copied.synchronize()  # what an earlier call wrote may still be on its way
        spare = self._spare * self._block_tokens
        empty = padded - len(rows)
        columns = (
            [row.token for row in rows] + [0] * empty,
            [row.slot for row in rows] + [spare] * empty,
            [row.position for row in rows] + [0] * empty,
            [row.position + 1 for row in rows] + [1] * empty,
            [row.adapter for row in rows] + [-1] * empty,
        )
        for to, values in zip(self._to, columns, strict=False):
            to[:padded] = torch.tensor(values, dtype=to.dtype)
        raw = b"".join(bytes(row.sampling) for row in rows) + bytes(NOBODY) * empty
        self._to[5][: len(raw)] = torch.frombuffer(bytearray(raw), dtype=torch.uint8)
        blocks = [row.block for row in rows] + [self._spare] * empty
        if self._first_blocks[:padded] != blocks:
            self._first_blocks[:padded] = blocks
            self._tables[:padded] = torch.tensor(blocks, dtype=torch.int32)[:, None] + self._ranges
        self._device.copy_(self._host, non_blocking=True)
        if self._copied is not None:
            self._copied.record()
