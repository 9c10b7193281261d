"""Greedy ids are transformers' own, base and tuned, alone and in a mixed batch."""

import pytest
import torch

from model.loading.base import resolve_base
from model.runner.weights import Compute
from tests.fakes.tiny_model import make_adapter, make_tiny
from tests.model.runner.parity import greedy, make_pair, run

TOKENS = 64


def prompts(count: int, vocab: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(5)
    lengths = [3, 41, 17, 90, 8, 29][:count]
    return [torch.randint(3, vocab, (n,), generator=generator).tolist() for n in lengths]


@pytest.fixture(scope="module", params=["llama", "mistral", "qwen2"])
def pair(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    base = make_tiny(folder / "base", family=request.param)
    adapters = {
        "tuned": make_adapter(base, folder / "tuned"),
        "other": make_adapter(base, folder / "other", seed=2, rank=4, target_modules=["q_proj"]),
    }
    resolved = resolve_base(str(base), folder, lambda *_: None)
    return make_pair(resolved, adapters, prefill_chunk=16)


@pytest.mark.parametrize("index", range(3))
def test_each_variant_alone(pair, index):
    prompt = prompts(3, 290)[index]
    for variant in pair.engine.variants:
        expected = pair.generate(prompt, variant, TOKENS)
        assert run(pair.engine, {0: [greedy("a", prompt, variant, TOKENS)]})["a"] == expected


def test_a_mixed_batch_whose_rows_join_and_leave_at_different_steps(pair):
    names = pair.engine.variants
    rows = [
        greedy(str(i), prompt, names[i % len(names)], TOKENS - 7 * i)
        for i, prompt in enumerate(prompts(6, 290))
    ]
    arrivals = {0: rows[:2], 3: rows[2:3], 11: rows[3:5], 20: rows[5:]}
    got = run(pair.engine, arrivals)
    for row in rows:
        expected = pair.generate(row.input_ids, row.variant, row.params.max_tokens)
        assert got[row.id] == expected, f"row {row.id} ({row.variant})"


def test_the_variants_differ(pair):
    prompt = prompts(1, 290)[0]
    said = {tuple(pair.generate(prompt, name, TOKENS)) for name in pair.engine.variants}
    assert len(said) == len(pair.engine.variants)


def test_dequantised_once_gives_the_same_ids(tmp_path):
    base = make_tiny(tmp_path / "base")
    resolved = resolve_base(str(base), tmp_path, lambda *_: None)
    pair = make_pair(
        resolved, {"tuned": make_adapter(base, tmp_path / "t")}, compute=Compute.FLOAT32
    )
    for prompt in prompts(4, 290):
        for variant in ("base", "tuned"):
            expected = pair.generate(prompt, variant, TOKENS)
            assert run(pair.engine, {0: [greedy("a", prompt, variant, TOKENS)]})["a"] == expected
