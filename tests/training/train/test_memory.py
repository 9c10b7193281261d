"""Checkpointing by need, and what is said when memory runs out."""

import pytest
import torch
from transformers import MistralConfig

from training.errors import OutOfMemory
from training.recipe import read_recipe
from training.train.memory import activation_bytes, memory_advice, peak_mib, use_checkpointing

CPU, GPU = torch.device("cpu"), torch.device("cuda")
MISTRAL = MistralConfig()  # of 7 billion parameters
GIB = 1024**3


@pytest.fixture
def recipe_with(write_recipe):
    return lambda *overrides: read_recipe(write_recipe(), overrides)


def test_a_long_row_through_mistral_takes_what_was_measured():
    assert activation_bytes(MISTRAL, 2048, 2) == pytest.approx(16 * GIB, rel=0.04)


def test_the_fused_decoder_keeps_a_third():
    assert activation_bytes(MISTRAL, 2048, 2, fused=True) == pytest.approx(6 * GIB, rel=0.06)


@pytest.mark.parametrize(("free", "used"), [(8, True), (12, False)])
def test_the_fused_decoder_needs_less_free_memory(monkeypatch, recipe_with, free, used):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free * GIB, 80 * GIB))
    schedule = recipe_with().schedule
    assert use_checkpointing(MISTRAL, schedule, torch.bfloat16, GPU, fused=True) is used


@pytest.mark.parametrize(
    ("free", "overrides", "used"),
    [
        (70, [], False),
        (12, [], True),
        (12, ["schedule.checkpointing=off"], False),
        (70, ["schedule.checkpointing=on"], True),
        (12, ["schedule.row_tokens=256"], False),
        (12, ["schedule.layout=padded", "schedule.batch_size=1"], False),
        (12, ["schedule.layout=padded", "schedule.batch_size=8"], True),
    ],
)
def test_layers_are_computed_again_where_memory_asks_for_it(
    monkeypatch, recipe_with, free, overrides, used
):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free * GIB, 80 * GIB))
    schedule = recipe_with(*overrides).schedule
    assert use_checkpointing(MISTRAL, schedule, torch.bfloat16, GPU) is used


def test_a_cpu_does_so_only_when_told(recipe_with):
    for how, used in (("auto", False), ("on", True), ("off", False)):
        schedule = recipe_with(f"schedule.checkpointing={how}").schedule
        assert use_checkpointing(MISTRAL, schedule, torch.float32, CPU) is used


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ([], 'set schedule.checkpointing = "on" or lower schedule.row_tokens (now 2048)'),
        (["schedule.checkpointing=on"], "too little memory: lower schedule.row_tokens (now 2048)"),
        (
            ["schedule.layout=padded"],
            "lower schedule.batch_size (now 4) and raise schedule.accumulation (now 1)",
        ),
    ],
)
@pytest.mark.parametrize(
    ("error", "where"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), "the GPU has"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate"),
            "this machine has",
        ),
        (MemoryError(), "this machine has"),
    ],
)
def test_out_of_memory_says_what_to_lower(recipe_with, overrides, words, error, where):
    with pytest.raises(OutOfMemory) as caught, memory_advice(recipe_with(*overrides)):
        raise error
    line = str(caught.value)
    assert words in line
    assert line.startswith(where)
    assert "lora.r (now 4)" in line
    assert "\n" not in line


def test_real_memory_that_cannot_be_had_is_out_of_memory(recipe_with):
    with pytest.raises(OutOfMemory), memory_advice(recipe_with()):
        torch.empty(2**46, dtype=torch.float64)


def test_another_error_stays_what_it_is(recipe_with):
    with pytest.raises(RuntimeError, match="shapes"), memory_advice(recipe_with()):
        raise RuntimeError("shapes differ")


def test_the_peak_is_that_of_this_process():
    assert 50 < peak_mib(CPU) < 64 * 1024
