"""What is computed right passes the check with room, and what is computed wrong does not."""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.functional import has_avx512bf16
from bitsandbytes.nn.modules import Linear4bit

from model.assembly import longest_context
from model.errors import ConfigError, UnsupportedArchitecture
from model.loading.base import no_progress, resolve_base
from model.loading.quantised import load_quantised
from model.runner import weights as weights_module
from model.runner.comparison import (
    EXACT,
    ROUNDED,
    Expected,
    check_function,
    check_served,
    expected_logits,
)
from model.runner.exact import exact_weights, in_float32
from model.runner.weights import (
    Compute,
    DecoderLayer,
    Weights,
    loading_dtype,
    quant_state,
    take_weights,
)
from tests.fakes.tiny_model import make_tiny

CPU = torch.device("cpu")
IDS = [5 + (7 * i) % 250 for i in range(60)]
ROOM = 3  # how many times closer than its bound a right model is
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10_000.0,
    "short_factor": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7],
    "long_factor": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
    "original_max_position_embeddings": 64,
    "factor": 8.0,
}


def rope(kind: str, **fields: float) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10_000.0, **fields}}


KINDS: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {"family": "mistral"},
    "qwen2": {"family": "qwen2"},
    "tied": {"tie_word_embeddings": True},
    "one key for all heads": {"num_key_value_heads": 1},
    "own head_dim": {"head_dim": 32},
    "biases": {"attention_bias": True, "mlp_bias": True},
    "sliding window": {"family": "mistral", "sliding_window": 64},
    "linear rope": rope("linear", factor=4.0),
    "dynamic rope": rope("dynamic", factor=4.0),
    "yarn": rope("yarn", factor=4.0, original_max_position_embeddings=128),
    "llama3 rope": rope(
        "llama3",
        factor=8.0,
        low_freq_factor=1.0,
        high_freq_factor=4.0,
        original_max_position_embeddings=128,
    ),
    "longrope": {"rope_parameters": LONGROPE},
    "old rope settings": {"rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 2.0}},
    "blocks that cross rows": {"hidden_size": 72, "intermediate_size": 100, "head_dim": 10},
    "small weights": {"initializer_range": 0.02},
    "deep": {"num_hidden_layers": 24},
    "a context of 16": {"max_position_embeddings": 16},
}


def loaded(folder: Path, compute: Compute) -> tuple[Any, int]:
    """The model, and its context in tokens."""
    base = resolve_base(str(folder), folder, no_progress)
    dtype = loading_dtype(compute, CPU)
    model, _ = load_quantised(base, compute_dtype=dtype, trainable=False, device=CPU)
    return model, longest_context(model.config, 512)


@contextmanager
def compared(folder: Path, compute: Compute = Compute.BFLOAT16):
    """The model of a folder in float32, its context, and what transformers computes for it."""
    model, context = loaded(folder, compute)
    with in_float32(model):
        yield model, context, expected_logits("the-model", model, IDS, context)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:.*blocksize.*:UserWarning")
def test_what_is_computed_right_passes_with_room(tmp_path, kind):
    folder = make_tiny(tmp_path / "tiny", **KINDS[kind])
    with compared(folder) as (model, context, expected):
        assert check_function(expected, model, context) < EXACT / ROOM
    rounded = Compute.PACKED if has_avx512bf16() else Compute.BFLOAT16
    for compute, exact in ((rounded, False), (Compute.NF4, True)):
        model, context = loaded(folder, compute)
        weights = take_weights(model, compute, context)
        with in_float32(model):
            expected = expected_logits("the-model", model, IDS, context)
        apart = check_served(expected, weights, model.config, exact=exact, instead="")
        assert apart < (EXACT if exact else ROUNDED) / ROOM


def refused(expected: Expected, model: Any, weights: Weights) -> str:
    with pytest.raises(ConfigError) as error:
        check_served(expected, weights, model.config, exact=True, instead="set CPU_COMPUTE=float32")
    return str(error.value)


def with_theta(theta: float) -> Callable[[Weights], Weights]:
    def change(weights: Weights) -> Weights:
        frequencies = theta ** -(torch.arange(0, weights.head_dim, 2) / weights.head_dim)
        angles = torch.outer(torch.arange(len(weights.cos)).float(), frequencies).repeat(1, 2)
        return replace(weights, cos=angles.cos(), sin=angles.sin())

    return change


def without_first_norm(weights: Weights) -> Weights:
    first, *others = weights.layers
    first = replace(first, input_norm=first.input_norm * 1.01)
    return replace(weights, layers=(first, *others))


WRONG: dict[str, Callable[[Weights], Weights]] = {
    "rope_theta": with_theta(9e3),
    "eps": lambda weights: replace(weights, eps=10 * weights.eps),
    "one norm by a hundredth": without_first_norm,
    "the positions of one token": lambda weights: replace(weights, cos=weights.cos.roll(1, 0)),
    "not a number": lambda weights: replace(weights, norm=weights.norm * torch.nan),
}


@pytest.mark.parametrize("sizes", [{}, {"initializer_range": 0.02}], ids=["large", "small"])
@pytest.mark.parametrize("mistake", WRONG)
def test_what_is_computed_wrong_is_refused_in_one_line(tmp_path, mistake, sizes):
    folder = make_tiny(tmp_path / "tiny", **sizes)
    with compared(folder) as (model, context, expected):
        weights = exact_weights(model, context)
        assert check_served(expected, weights, model.config, exact=True, instead="") < EXACT
        said = refused(expected, model, WRONG[mistake](weights))
    assert said.startswith("the-model is not computed right on this device: its logits are ")
    assert said.endswith("set CPU_COMPUTE=float32")
    assert "\n" not in said


def test_a_wrong_kernel_is_refused_beside_sixteen_bits(tmp_path):
    folder = make_tiny(tmp_path / "tiny")
    model, context = loaded(folder, Compute.BFLOAT16)
    with in_float32(model):
        expected = expected_logits("the-model", model, IDS, context)
    weights = take_weights(model, Compute.BFLOAT16, context)
    config = model.config
    assert check_served(expected, weights, config, exact=False, instead="") < ROUNDED

    def rolled(layer: DecoderLayer) -> DecoderLayer:
        return replace(layer, down=lambda x: layer.down(x).roll(1, -1))

    wrong = replace(weights, layers=tuple(map(rolled, weights.layers)))
    with pytest.raises(ConfigError, match=r"not computed right on this device.*set GPU_COMPUTE"):
        check_served(expected, wrong, config, exact=False, instead="set GPU_COMPUTE=nf4")


def test_blocks_that_cross_rows_must_not_be_joined(tmp_path, monkeypatch):
    folder = make_tiny(tmp_path / "tiny", **KINDS["blocks that cross rows"])
    monkeypatch.setattr(weights_module, "_joinable", lambda _: True)
    with (
        compared(folder) as (model, context, expected),
        pytest.raises(UnsupportedArchitecture, match=r"the-model is not computed right here.*vLLM"),
    ):
        check_function(expected, model, context)


def test_long_positions_must_not_be_taken_for_short_ones(tmp_path):
    folder = make_tiny(tmp_path / "tiny", rope_parameters=LONGROPE)
    with compared(folder) as (model, context, expected):
        assert context == 64
        with pytest.raises(UnsupportedArchitecture, match="not computed right here"):
            check_function(expected, model, 512)


def test_what_transformers_cannot_compute_is_refused(tmp_path):
    model, context = loaded(make_tiny(tmp_path / "tiny"), Compute.NF4)
    model.model.rotary_emb.inv_freq = model.model.rotary_emb.inv_freq[:-1]
    with in_float32(model), pytest.raises(ConfigError, match="the-model does not run in transf"):
        expected_logits("the-model", model, IDS, context)
    model, context = loaded(make_tiny(tmp_path / "nan"), Compute.NF4)
    model.model.norm.weight.data[3] = torch.inf
    with in_float32(model), pytest.raises(ConfigError, match="not finite, in transformers as well"):
        expected_logits("the-model", model, IDS, context)


def test_what_raises_here_is_refused(tmp_path):
    with compared(make_tiny(tmp_path / "tiny")) as (model, context, expected):
        weights = replace(exact_weights(model, context), kv_heads=3)
        with pytest.raises(UnsupportedArchitecture, match=r"the-model does not run here: .*vLLM"):
            check_served(expected, weights, model.config, exact=True, instead="")


def test_the_model_is_left_as_it_was(tmp_path):
    folder = make_tiny(tmp_path / "tiny", attention_bias=True)
    model, context = loaded(folder, Compute.BFLOAT16)

    def state() -> list[object]:
        return [
            (name, part.compute_dtype, quant_state(part).dtype, part.weight.data.clone().tolist())
            + ((None,) if part.bias is None else (part.bias.dtype, part.bias.tolist()))
            for name, part in model.named_modules()
            if isinstance(part, Linear4bit)
        ]

    before = state()
    with in_float32(model):
        check_function(expected_logits("a", model, IDS, context), model, context)
    assert state() == before
