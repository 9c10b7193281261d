"""Tiny models with the CPU's own kernels; all of it is skipped where they cannot be compiled."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from model.assembly import stack_adapters
from model.engine.api import AdapterCard
from model.engine.batch import BatchRow
from model.loading.adapters import load_adapter
from model.loading.base import no_progress, resolve_base
from model.loading.quantised import check_architecture, load_quantised
from model.runner.cpu.runner import PackedRunner
from model.runner.cpu.weights import packed_matrices, refusal, take_packed
from model.runner.eager import TorchRunner
from model.runner.lora import LoraAdapters
from tests.fakes.tiny_model import make_adapter, make_tiny

CACHE = 512


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = refusal()
    for item in items:
        if reason and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


@dataclass(frozen=True)
class Twins:
    """The compiled step, and the same packed weights multiplied by torch."""

    packed: PackedRunner
    plain: TorchRunner
    stacks: LoraAdapters

    @property
    def cards(self) -> tuple[AdapterCard, ...]:
        return self.stacks.cards


def make_twins(folder: Path, ranks: dict[str, int], family: str = "llama", **sizes: Any) -> Twins:
    """A random model in `folder` with an adapter for each rank."""
    base = resolve_base(str(make_tiny(folder, family=family, **sizes)), folder, no_progress)
    config = check_architecture(base)
    adapters = [
        load_adapter(
            name,
            str(make_adapter(folder, folder.parent / name, seed=3 + i, rank=rank)),
            base, config, no_progress,
        )
        for i, (name, rank) in enumerate(ranks.items())
    ]  # fmt: skip
    model, _ = load_quantised(base, compute_dtype=torch.bfloat16, trainable=False)
    weights = take_packed(model, 256)
    matrices = packed_matrices(weights)
    assert matrices is not None
    stacks = stack_adapters(adapters, config, weights)
    packed = PackedRunner(weights, matrices, stacks, CACHE)
    return Twins(packed, TorchRunner(weights, stacks, CACHE), stacks)


def prompt(length: int, seed: int, vocab: int = 200) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, vocab, (length,), generator=generator).tolist()


def row(name: str, card: AdapterCard | None, ids: list[int], start: int, at: int = 0) -> BatchRow:
    return BatchRow(name, card, ids, at, start, samples=True)


@pytest.fixture(scope="session")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Twins:
    folder = tmp_path_factory.mktemp("packed") / "tiny"
    return make_twins(folder, {"tuned": 8, "other": 4})
