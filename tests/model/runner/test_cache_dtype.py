"""Keys and values in one byte each: what the cache then holds, and what that changes."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from model.engine.batch import BatchRow
from model.loading.base import no_progress, resolve_base
from model.loading.quantised import load_quantised
from model.runner.eager import TorchRunner
from model.runner.lora import LoraAdapters
from model.runner.weights import Compute, Weights, take_weights
from tests.fakes.tiny_model import make_tiny

TOKENS = 40
FP8 = torch.float8_e4m3fn


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    folder = make_tiny(tmp_path_factory.mktemp("models") / "tiny")
    base = resolve_base(str(folder), folder, no_progress)
    model, _ = load_quantised(base, compute_dtype=torch.float32, trainable=True)
    return take_weights(model.eval(), Compute.NF4, max_context=64)


def after_reading(weights: Weights, dtype: torch.dtype | None) -> tuple[TorchRunner, Tensor]:
    """A runner that has read a prompt in three chunks, and the logits behind it."""
    none = LoraAdapters([], {}, len(weights.layers), torch.float32, torch.device("cpu"))
    runner = TorchRunner(replace(weights, cache_dtype=dtype or weights.dtype), none, 64)
    ids = torch.randint(3, 200, (TOKENS,), generator=torch.Generator().manual_seed(1)).tolist()
    logits = torch.empty(0)
    for begin, end in ((0, 20), (20, TOKENS - 1), (TOKENS - 1, TOKENS)):
        row = BatchRow("a", None, ids[begin:end], begin, 0, samples=end == TOKENS)
        logits = runner.forward([row])
    return runner, logits


def test_only_keys_and_values_are_rounded(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounded, near = after_reading(weights, FP8)
    whole, exact = after_reading(weights, None)
    assert rounded.cache.nbytes * 4 == whole.cache.nbytes
    assert not torch.equal(near, exact)
    plain = TorchRunner._keep

    def keep(runner: TorchRunner, layer: int, slots: Tensor, fresh: Tensor) -> None:
        plain(runner, layer, slots, fresh.to(FP8).float())

    monkeypatch.setattr(TorchRunner, "_keep", keep)
    by_torch, same = after_reading(weights, None)
    assert torch.equal(rounded.cache[:, :TOKENS].float(), by_torch.cache[:, :TOKENS])
    assert torch.equal(near, same)


def test_what_lies_beyond_the_largest_number_becomes_the_largest(weights: Weights) -> None:
    runner, _ = after_reading(weights, FP8)
    heads = 2 * weights.kv_heads
    fresh = torch.full((1, heads, weights.head_dim), 1e6)
    fresh[0, 0] = -1e6
    fresh[0, 1, 0] = torch.nan
    runner._keep(0, torch.tensor([5]), fresh)
    held = runner.cache[0, 5].float()
    assert held[0].unique().tolist() == [-448]
    assert held[1:].unique().tolist()[0] == 448
    assert held[1, 0].isnan()
