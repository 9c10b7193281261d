"""The coefficients are those of evalica and statsmodels, and finite where theirs are not."""

from typing import Any

import evalica
import numpy as np
import pytest
from statsmodels.discrete.discrete_model import Logit
from statsmodels.genmod.families import Poisson
from statsmodels.genmod.generalized_linear_model import GLM

from data.statistics.bradley_terry import RIDGE, fit_davidson

NAMES = 4
PAIRS = [(first, second) for second in range(NAMES) for first in range(second)]
OUTCOMES = (evalica.Winner.X, evalica.Winner.Y, evalica.Winner.Draw)


def pair_design(pairs=PAIRS, names=NAMES):
    design = np.zeros((len(pairs), names))
    for row, (first, second) in enumerate(pairs):
        design[row, first], design[row, second] = 1, -1
    return design


def counted(seed, least=3, most=40):
    rng = np.random.default_rng(seed)
    return rng.integers(least, most, (len(PAIRS), 3)).astype(float)


def games(counts) -> tuple[Any, Any, Any]:
    """Every game of a table of counts, as evalica takes them."""
    told = [
        (first, second, winner)
        for (first, second), row in zip(PAIRS, counts, strict=True)
        for winner, number in zip(OUTCOMES, row, strict=True)
        for _ in range(int(number))
    ]
    xs, ys, winners = zip(*told, strict=True)
    return xs, ys, winners


def logits(scores):
    found = np.log(scores.sort_index().to_numpy())
    return found - found.mean()


@pytest.mark.parametrize("seed", range(3))
def test_with_ties_it_is_evalicas_newman(seed):
    counts = counted(seed)
    theirs = evalica.newman(*games(counts), tolerance=1e-13, limit=100_000)
    fit = fit_davidson(pair_design(), counts[None])
    assert fit.coefficients[0] == pytest.approx(logits(theirs.scores), abs=1e-6)
    assert np.exp(fit.log_tie[0]) == pytest.approx(2 * theirs.v, abs=1e-6)  # Newman's v is half
    assert not fit.ridged[0]


@pytest.mark.parametrize("seed", range(3))
def test_without_ties_it_is_evalicas_bradley_terry(seed):
    counts = counted(seed)
    counts[:, 2] = 0
    theirs = evalica.bradley_terry(*games(counts), tolerance=1e-13, limit=100_000)
    fit = fit_davidson(pair_design(), counts[None])
    assert fit.coefficients[0] == pytest.approx(logits(theirs.scores), abs=1e-6)
    assert fit.log_tie[0] == -np.inf


def test_without_ties_and_with_a_covariate_it_is_statsmodels_logit():
    rng = np.random.default_rng(1)
    pairs = [PAIRS[n] for n in rng.integers(len(PAIRS), size=300)]
    design = np.column_stack([pair_design(pairs), rng.normal(size=300)])
    chance = 1 / (1 + np.exp(-design @ [0.5, 0.1, -0.2, -0.4, 0.7]))
    won = rng.random(300) < chance
    theirs = Logit(won.astype(float), design[:, 1:]).fit(disp=0, tol=1e-12).params
    outcomes = np.stack([won, ~won, np.zeros(300)], axis=1).astype(float)
    ours = fit_davidson(design, outcomes[None]).coefficients[0]
    assert ours[1:4] - ours[0] == pytest.approx(theirs[:3], abs=1e-6)
    assert ours[4] == pytest.approx(theirs[3], abs=1e-6)


def test_with_ties_and_covariates_it_is_statsmodels_log_linear_model():
    rng = np.random.default_rng(2)
    votes = 40
    pairs = [PAIRS[n] for n in rng.integers(len(PAIRS), size=votes)]
    design = np.column_stack([pair_design(pairs), rng.normal(size=(votes, 2))])
    chosen = np.eye(3)[rng.integers(3, size=votes)]
    # Davidson's model is log-linear: with a constant for each vote, A has +d/2, B has -d/2, and a
    # tie has a constant of its own (S. E. Fienberg and K. Larntz, Biometrika 1976).
    half, nothing = design[:, 1:] / 2, np.zeros((votes, 1))
    alternatives = [[half, nothing], [-half, nothing], [0 * half, nothing + 1]]
    rows = np.stack([np.hstack([*one, np.eye(votes)]) for one in alternatives], axis=1)
    model = GLM(chosen.reshape(-1), rows.reshape(3 * votes, -1), family=Poisson())
    theirs = model.fit(tol=1e-13).params
    fit = fit_davidson(design, chosen[None])
    ours = fit.coefficients[0]
    assert ours[1:4] - ours[0] == pytest.approx(theirs[:3], abs=1e-6)
    assert ours[4:] == pytest.approx(theirs[3:5], abs=1e-6)
    assert fit.log_tie[0] == pytest.approx(theirs[5], abs=1e-6)


def test_many_draws_at_once_are_each_by_itself():
    many = np.stack([counted(seed) for seed in range(20)])
    together = fit_davidson(pair_design(), many)
    for number, counts in enumerate(many):
        alone = fit_davidson(pair_design(), counts[None])
        assert together.coefficients[number] == pytest.approx(alone.coefficients[0], abs=1e-9)


def test_who_never_lost_is_kept_finite_by_the_ridge():
    counts = np.array([[[9.0, 0.0, 0.0]]])
    fit = fit_davidson(np.array([[1.0, -1.0]]), counts)
    assert fit.ridged[0]
    first, second = fit.coefficients[0]
    assert first == pytest.approx(-second)
    # Where the slope of 9 wins is that of the prior: 9 / (1 + e^d) = RIDGE * d / 2.
    lead = first - second
    assert 9 / (1 + np.exp(lead)) == pytest.approx(RIDGE * lead / 2, abs=1e-8)
    more = fit_davidson(np.array([[1.0, -1.0]]), 10 * counts).coefficients[0, 0]
    assert first < more < 15


def test_who_lost_once_needs_no_ridge():
    fit = fit_davidson(np.array([[1.0, -1.0]]), np.array([[[2000.0, 1.0, 0.0]]]))
    assert not fit.ridged[0]
    assert fit.coefficients[0] @ [1, -1] == pytest.approx(np.log(2000))


def test_a_chain_that_goes_one_way_is_ridged():
    # 0 always beat 1, and 1 always beat 2: no maximum, though each but one both won and lost.
    design = pair_design([(0, 1), (1, 2)], 3)
    fit = fit_davidson(design, np.array([[[5.0, 0, 0], [5.0, 0, 0]]]))
    assert fit.ridged[0]
    assert fit.coefficients[0, 0] > fit.coefficients[0, 1] > fit.coefficients[0, 2]


def test_nothing_but_ties_says_that_all_are_equal():
    fit = fit_davidson(pair_design(), np.tile([0.0, 0.0, 4.0], (1, len(PAIRS), 1)))
    assert np.all(fit.coefficients == 0)
    assert fit.log_tie[0] == np.inf
    assert not fit.ridged[0]
