"""Rows that begin with another row's keys and values say what transformers' `generate` says."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.engine.api import TokenRequest
from model.loading.base import resolve_base
from model.runner.eager import TorchRunner
from model.sampling import SamplingParams
from tests.fakes.tiny_model import make_adapter, make_tiny
from tests.model.runner.parity import Pair, greedy, make_pair, run

TOKENS = 24


@pytest.fixture(scope="module", params=["llama", "qwen2"])
def pair(request, tmp_path_factory) -> Pair:
    folder = tmp_path_factory.mktemp("tiny")
    base = make_tiny(folder / "base", family=request.param)
    adapters = {"tuned": make_adapter(base, folder / "tuned")}
    resolved = resolve_base(str(base), folder, lambda *_: None)
    return make_pair(resolved, adapters, prefill_chunk=50)


def prompt(seed: int, length: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, 290, (length,), generator=generator).tolist()


def cached_of(pair: Pair, request: TokenRequest) -> tuple[list[int], int]:
    """A row's ids, and how many tokens of its prompt were in the cache."""
    ids, cached = [], 0
    pair.engine.add(request)
    while pair.engine.has_work():
        for output in pair.engine.step():
            cached = output.cached_tokens
            ids += [] if output.token_id is None else [output.token_id]
    return ids, cached


@pytest.mark.parametrize("variant", ["base", "tuned"])
def test_a_conversation_turn_by_turn(pair, variant):
    ids = prompt(1, 70)
    lengths: list[int] = []
    for turn in range(5):
        said, cached = cached_of(pair, greedy(str(turn), ids, variant, TOKENS))
        assert said == pair.generate(ids, variant, TOKENS), f"turn {turn}"
        lengths.append(cached)
        ids = [*ids, *said, *prompt(100 + turn, 9)]
    assert lengths == sorted(lengths)
    assert lengths[0] == 0 < lengths[1] < lengths[-1]


def test_several_conversations_at_once_with_one_persona(pair):
    persona = prompt(2, 64)
    rows = [
        greedy(str(i), [*persona, *prompt(200 + i, 10 + i)], ("base", "tuned")[i % 2], TOKENS)
        for i in range(6)
    ]
    for _ in range(2):
        got = run(pair.engine, {0: rows[:3], 4: rows[3:]})
        for row in rows:
            assert got[row.id] == pair.generate(row.input_ids, row.variant, TOKENS)


GREEDY = SamplingParams(max_tokens=TOKENS, temperature=0)
SAMPLED = SamplingParams(max_tokens=TOKENS, temperature=0.8, top_p=0.9, repetition_penalty=1.1)


@pytest.mark.parametrize("way", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_several_answers_are_those_of_separate_requests(pair, way):
    ids = tuple(prompt(3, 90))
    rows = [TokenRequest(str(i), ids, "base", way.model_copy(update={"seed": i})) for i in range(8)]
    pair.engine._scheduler.distrust()
    together = run(pair.engine, {0: rows})
    for row in rows:
        pair.engine._scheduler.distrust()
        assert run(pair.engine, {0: [row]})[row.id] == together[row.id]


@settings(max_examples=60, deadline=None)
@given(source=st.integers(0, 40), to=st.integers(0, 40), count=st.integers(1, 24))
def test_a_copy_is_as_if_all_was_read_first(pair, source, to, count):
    runner = TorchRunner(pair.weights, pair.stacks, cache_tokens=64)
    runner.cache.normal_()
    expected = runner.cache.clone()
    expected[:, to : to + count] = runner.cache[:, source : source + count].clone()
    runner.copy(source, to, count)
    assert torch.equal(runner.cache, expected)
