"""Sampling beside transformers' own processors, and at its extremes."""

from collections import Counter
from typing import Any, cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from model.runner.sampler import RowSampler
from model.sampling import SamplingParams

PROMPT = (1, 5, 9)


def make_params(**options: Any) -> SamplingParams:
    """Parameters without a check of their range: the sampler must hold at any."""
    return SamplingParams.model_construct(max_tokens=8, **options)


def random_logits(vocab: int, seed: int = 0, spread: float = 3.0) -> torch.Tensor:
    return torch.randn(vocab, generator=torch.Generator().manual_seed(seed)) * spread


def reference(logits: torch.Tensor, params: SamplingParams, seen: list[int]) -> torch.Tensor:
    """The distribution that transformers samples from."""
    processors = LogitsProcessorList()
    if params.repetition_penalty != 1:
        processors.append(RepetitionPenaltyLogitsProcessor(params.repetition_penalty))
    processors.append(TemperatureLogitsWarper(float(params.temperature)))
    if params.top_k:
        processors.append(TopKLogitsWarper(params.top_k))
    if params.top_p < 1:
        processors.append(TopPLogitsWarper(params.top_p))
    if params.min_p:
        processors.append(MinPLogitsWarper(params.min_p))
    ids, scores = torch.tensor([seen]), logits[None].clone()
    return processors(cast("torch.LongTensor", ids), cast("torch.FloatTensor", scores))[0].softmax(
        -1
    )


def distribution(sampler: RowSampler, logits: torch.Tensor, monkeypatch) -> torch.Tensor:
    """What the sampler draws from, seen at the moment it draws."""
    penalised = sampler.penalised(logits)
    drawn: list[torch.Tensor] = []

    def draw(place: int) -> int:
        def keep(probabilities: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
            drawn.append(probabilities)
            return torch.tensor([place])

        with monkeypatch.context() as patch:
            patch.setattr(torch, "multinomial", keep)
            return sampler.choose(penalised)

    draw(0)
    full = torch.zeros(len(logits))
    for place in drawn[0].nonzero().flatten().tolist():
        full[draw(place)] = drawn[0][place]  # the token that this place stands for
    return full / full.sum()


def assert_same(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    assert (ours > 0).tolist() == (theirs > 0).tolist(), "the same tokens are kept"
    torch.testing.assert_close(ours, theirs, rtol=2e-4, atol=1e-7)


@settings(max_examples=60, deadline=None)
@given(
    temperature=st.sampled_from([0.1, 0.7, 1.0, 2.0]),
    top_k=st.sampled_from([0, 1, 5, 40, 1000]),
    top_p=st.sampled_from([0.1, 0.5, 0.9, 0.95, 1.0]),
    min_p=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    repetition_penalty=st.sampled_from([0.8, 1.0, 1.1, 1.9]),
    vocab=st.sampled_from([12, 300, 900]),
    seed=st.integers(0, 2**16),
)
def test_the_distribution_is_transformers_own(vocab, seed, **options):
    params = make_params(**options)
    logits = random_logits(vocab, seed)
    with pytest.MonkeyPatch.context() as patch:
        ours = distribution(RowSampler(params, PROMPT, vocab), logits, patch)
    assert_same(ours, reference(logits, params, list(PROMPT)))


@pytest.mark.parametrize("top_p", [0.5, 0.95, 0.999999])
@pytest.mark.parametrize("spread", [0.01, 0.5])
def test_top_p_over_a_flat_distribution_looks_further_than_the_first_candidates(
    top_p, spread, monkeypatch
):
    params, logits = make_params(top_p=top_p), random_logits(1000, spread=spread)
    ours = distribution(RowSampler(params, PROMPT, 1000), logits, monkeypatch)
    theirs = reference(logits, params, list(PROMPT))
    assert int((theirs > 0).sum()) > 256
    # A sum of 1000 float32 may round to either side of top_p for the token at the border.
    assert abs(int((ours > 0).sum()) - int((theirs > 0).sum())) <= 1
    torch.testing.assert_close(ours, theirs, rtol=5e-3, atol=1e-5)


def test_the_repetition_penalty_counts_what_was_answered_too():
    params, logits = make_params(repetition_penalty=1.7, top_k=1), random_logits(50)
    sampler = RowSampler(params, PROMPT, 50)
    seen: list[int] = [*PROMPT]
    for _ in range(20):
        expected = int(reference(logits, params, seen).argmax())
        assert sampler.sample(logits) == expected
        seen.append(expected)
    whole = params.model_copy(update={"top_k": 0})
    assert_same(sampler.penalised(logits).softmax(-1), reference(logits, whole, seen))


def test_frequency_and_presence_are_openais_formula_over_the_answer(monkeypatch):
    """mu[j] - c[j] * frequency - (c[j] > 0) * presence, counts of the answer only."""
    params = make_params(frequency_penalty=0.4, presence_penalty=-0.9)
    logits = random_logits(30)
    sampler = RowSampler(params, (1, 1, 5), 30)
    answer = [sampler.sample(logits) for _ in range(25)]
    counts = Counter(answer)
    assert max(counts.values()) > 1
    expected = torch.tensor(
        [float(logits[j]) - counts[j] * 0.4 - (1.0 if counts[j] else 0.0) * -0.9 for j in range(30)]
    )
    assert_same(distribution(sampler, logits, monkeypatch), expected.softmax(-1))


def test_a_strong_frequency_penalty_goes_round_the_likeliest_tokens():
    logits = torch.tensor([1.0, 0.9, 0.8, -9.0])
    sampler = RowSampler(make_params(temperature=0, frequency_penalty=2.0), (), 4)
    assert [sampler.sample(logits) for _ in range(6)] == [0, 1, 2, 0, 1, 2]


def test_temperature_zero_takes_the_best_and_penalties_still_count():
    logits = torch.tensor([2.0, 5.0, 4.0])
    assert RowSampler(make_params(temperature=0), (1,), 3).sample(logits) == 1
    penalised = make_params(temperature=0, repetition_penalty=2.0)
    assert RowSampler(penalised, (1,), 3).sample(logits) == 2


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e-38, 1e-6, 2e-5])
def test_a_tiny_temperature_takes_the_best(temperature):
    sampler = RowSampler(make_params(temperature=temperature, top_p=0.9, min_p=0.1), (), 500)
    logits = random_logits(500, spread=40)
    assert {sampler.sample(logits) for _ in range(5)} == {int(logits.argmax())}


@pytest.mark.parametrize("filters", [{}, {"top_p": 0.9}, {"top_k": 3}, {"min_p": 0.2}])
@pytest.mark.parametrize("temperature", [2.0, 1e6, 1e38])
def test_a_large_temperature_still_draws_tokens(temperature, filters):
    sampler = RowSampler(make_params(temperature=temperature, **filters), (), 40)
    assert all(sampler.sample(random_logits(40)) in range(40) for _ in range(20))


@pytest.mark.parametrize("penalty", [5e-324, 1e-45, 1e-38, 2.0])
@pytest.mark.parametrize("temperature", [0.0, 1e-4, 1.0])
def test_an_extreme_repetition_penalty_still_draws_tokens(penalty, temperature):
    params = make_params(repetition_penalty=penalty, temperature=temperature)
    sampler = RowSampler(params, tuple(range(40)), 40)
    logits = random_logits(40)
    logits[7] = 0.0
    assert all(sampler.sample(logits) in range(40) for _ in range(5))


@pytest.mark.parametrize("filters", [{}, {"top_p": 0.5}, {"top_k": 2}, {"min_p": 0.5}])
def test_equal_and_forbidden_logits(filters):
    sampler = RowSampler(make_params(**filters), (), 6)
    logits = torch.tensor([float("-inf"), 1.0, 1.0, float("-inf"), 1.0, 1.0])
    assert {sampler.sample(logits) for _ in range(40)} <= {1, 2, 4, 5}


def test_a_seed_gives_the_same_tokens_whoever_else_samples_in_between():
    logits = [random_logits(100, seed) for seed in range(30)]
    params = make_params(seed=2**63 - 1, top_p=0.95, temperature=1.3)
    alone = RowSampler(params, PROMPT, 100)
    expected = [alone.sample(row) for row in logits]
    again, other = (
        RowSampler(params.model_copy(update={"seed": seed}), PROMPT, 100)
        for seed in (params.seed, 4)
    )
    torch.manual_seed(1)
    got: list[int | None] = []
    others: list[int | None] = []
    for row in logits:
        others.append(other.sample(row))
        got.append(again.sample(row))
        torch.rand(3)
    assert got == expected
    assert others != expected


@pytest.mark.parametrize(
    "options", [{}, {"top_p": 0.8}, {"top_k": 4, "temperature": 0.6}, {"min_p": 0.2}]
)
def test_tokens_come_as_often_as_their_probability_says(options):
    draws, logits = 4000, random_logits(12, seed=3, spread=1.0)
    params = make_params(seed=11, **options)
    sampler = RowSampler(params, (), 12)
    counts = Counter(sampler.sample(logits) for _ in range(draws))
    expected = reference(logits, params, []) * draws
    assert set(counts) <= set(expected.nonzero().flatten().tolist())
    kept = expected > 0
    found = torch.tensor([counts[i] for i in range(12)], dtype=torch.float32)
    chi_square = ((found - expected)[kept] ** 2 / expected[kept]).sum()
    assert chi_square < 30, "with at most 11 degrees of freedom, chance passes 31.3 once in 1000"


def test_a_bias_bans_and_forces_tokens_and_unknown_ids_change_nothing():
    logits = random_logits(50)
    likeliest = int(logits.argmax())
    ban = make_params(temperature=0.0, logit_bias=((likeliest, -100.0), (10**8, 5.0)))
    assert RowSampler(ban, PROMPT, 50).sample(logits) == int(logits.argsort(descending=True)[1])
    force = make_params(logit_bias=((7, 100.0),))
    sampler = RowSampler(force, PROMPT, 50)
    assert {sampler.sample(logits) for _ in range(20)} == {7}
