"""What a decode step is told: every field where the kernels read it."""

import ctypes

import pytest
import torch

from model.runner.gpu.inputs import DecodeRow, SamplerParameters, StepInputs
from model.sampling import SamplingParams

PARAMS = SamplingParams(
    max_tokens=5, temperature=0.5, top_p=0.9, top_k=7, min_p=0.25, repetition_penalty=1.5,
    frequency_penalty=-1, presence_penalty=2, seed=2**63 - 1,
)  # fmt: skip


def step_inputs() -> StepInputs:
    return StepInputs(4, 3, spare_block=9, block_tokens=16, device=torch.device("cpu"))


def row(token: int, position: int, block: int, adapter: int = -1) -> DecodeRow:
    sampling = SamplerParameters.of(PARAMS, slot=token, step=position)
    return DecodeRow(token, position, block * 16 + position, block, adapter, sampling)


def parameters(inputs: StepInputs, place: int) -> SamplerParameters:
    size = ctypes.sizeof(SamplerParameters)
    raw = inputs.parameters[place * size : (place + 1) * size]
    return SamplerParameters.from_buffer_copy(bytes(raw.tolist()))


def test_rows_and_empty_places_are_written() -> None:
    inputs = step_inputs()
    inputs.write([row(5, 0, 2), row(6, 20, 4, adapter=1)], padded=4)
    assert inputs.ids.tolist() == [5, 6, 0, 0]
    assert inputs.positions.tolist() == [0, 20, 0, 0]
    assert inputs.lengths.tolist() == [1, 21, 1, 1]
    assert inputs.slots.tolist() == [32, 84, 144, 144]
    assert inputs.adapters.tolist() == [-1, 1, -1, -1]
    assert inputs.tables.tolist() == [[2, 3, 4], [4, 5, 6], [9, 10, 11], [9, 10, 11]]
    assert [parameters(inputs, place).slot for place in range(4)] == [5, 6, -1, -1]
    assert [parameters(inputs, place).step for place in range(2)] == [0, 20]


def test_places_get_other_rows_and_other_blocks() -> None:
    inputs = step_inputs()
    inputs.write([row(1, 3, 0), row(2, 3, 1)], padded=2)
    inputs.write([row(2, 4, 1)], padded=1)
    inputs.write([row(3, 7, 6), row(2, 5, 1), row(4, 0, 0)], padded=4)
    assert inputs.tables.tolist() == [[6, 7, 8], [1, 2, 3], [0, 1, 2], [9, 10, 11]]
    assert inputs.ids.tolist() == [3, 2, 4, 0]


def test_a_context_below_one_block_has_a_table_of_one() -> None:
    inputs = StepInputs(1, 1, spare_block=1, block_tokens=16, device=torch.device("cpu"))
    inputs.write([row(1, 3, 0)], padded=1)
    assert inputs.tables.tolist() == [[0]]


def test_a_sampler_reads_what_was_asked_for() -> None:
    given = SamplerParameters.of(PARAMS, slot=3, step=11)
    values = (given.temperature, given.top_p, given.min_p, given.repetition)
    assert values == pytest.approx((0.5, 0.9, 0.25, 1.5))
    assert (given.frequency, given.presence, given.top_k) == (-1, 2, 7)
    assert (given.slot, given.step) == (3, 11)
    assert ctypes.sizeof(SamplerParameters) == 48  # kernels/sample.cu: Parameters


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64 + 5, -1])
def test_every_seed_has_its_64_bits(seed: int) -> None:
    params = PARAMS.model_copy(update={"seed": seed})
    given = SamplerParameters.of(params, slot=0, step=0)
    assert given.seed_low + 2**32 * given.seed_high == seed % 2**64


def test_no_seed_is_seed_0() -> None:
    params = PARAMS.model_copy(update={"seed": None})
    given = SamplerParameters.of(params, slot=0, step=0)
    assert (given.seed_low, given.seed_high) == (0, 0)
