"""The Bradley-Terry model with ties after Davidson, fitted to many weightings of the votes at once.

With d the difference of the two answers' strengths in logits, the chances are proportional to
exp(d/2) for A, exp(-d/2) for B and v for a tie. Without ties it is the model of R. A. Bradley and
M. E. Terry (Biometrika 1952).

R. R. Davidson, On extending the Bradley-Terry model to accommodate ties in paired comparison
experiments, JASA 1970. Davidson and R. J. Beaver, On extending the Bradley-Terry model to
incorporate within-pair order effects, Biometrics 1977, adds a constant for the side to d.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

RIDGE = 0.25  # the weight of a normal prior with a standard deviation of two logits
_FURTHEST = 15.0  # logits: no vote count of a community has its maximum beyond that
_STEPS = 60
_LONGEST_STEP = 2.0
_DAMPING = 1e-9
_SMALLEST_STEP = 1e-7  # the next would be about its square


@dataclass(frozen=True, slots=True)
class DavidsonFit:
    """The most likely coefficients for each draw.

    `coefficients` has shape (draws, columns). `log_tie` of shape (draws,) is log v: -inf without a
    tie, inf where there is nothing but ties. `ridged` of shape (draws,) says where the votes have
    no maximum without a prior, as with a variant that never lost, so that the ridge was used.
    """

    coefficients: Array
    log_tie: Array
    ridged: Flags


def fit_davidson(design: Array, outcomes: Array, ridge: float = RIDGE) -> DavidsonFit:
    """Fit the model to every draw by Newton's method.

    `design` has shape (rows, columns): row r's difference d is design[r] @ coefficients.
    `outcomes` has shape (draws, rows, 3): how often A won, B won, and neither did. Where a draw
    has no maximum, ridge / 2 times the squared coefficients are taken from its log-likelihood.
    Coefficients that the votes leave open, such as the sum of all strengths, stay zero.
    """
    won, lost, neither = outcomes[..., 0], outcomes[..., 1], outcomes[..., 2]
    tallies = _Tallies(won + lost + neither, won - lost, neither.sum(-1))
    fitted, log_tie = _newton(design, tallies, 0.0)
    differences = np.where(tallies.number > 0, fitted @ design.T, 0.0)
    ridged = np.abs(differences).max(-1, initial=0.0) > _FURTHEST
    if ridged.any():
        fitted[ridged], log_tie[ridged] = _newton(design, tallies.of(ridged), ridge)
    return DavidsonFit(fitted, log_tie, ridged)


@dataclass(frozen=True, slots=True)
class _Tallies:
    """All that the likelihood depends on: votes and wins less losses of each row, and all ties."""

    number: Array
    contrast: Array
    ties: Array

    def of(self, draws: Flags) -> "_Tallies":
        return _Tallies(self.number[draws], self.contrast[draws], self.ties[draws])


def _newton(design: Array, tallies: _Tallies, ridge: float) -> tuple[Array, Array]:
    decisive = tallies.number.sum(-1) - tallies.ties
    log_tie = np.select([decisive == 0, tallies.ties == 0], [np.inf, -np.inf], 0.0)
    fitted = np.zeros((len(decisive), design.shape[1]))
    closing = _open_directions(design)
    going = decisive > 0  # a draw of nothing but ties says that all are equal
    left = tallies.of(going)
    for _ in range(_STEPS):
        if not going.any():
            break
        step = _step(design, left, fitted[going], log_tie[going], ridge, closing)
        longest = np.abs(step).max(-1)
        step *= np.minimum(1.0, _LONGEST_STEP / np.maximum(longest, _LONGEST_STEP))[:, None]
        fitted[going] += step[:, :-1]
        log_tie[going] += step[:, -1]
        far = np.abs(fitted[going]).max(-1, initial=0.0) > 2 * _FURTHEST
        on = (longest > _SMALLEST_STEP) & ~far
        left = left if on.all() else left.of(on)
        going[going] = on
    return fitted, log_tie


def _open_directions(design: Array) -> Array:
    """A projection, shape (columns, columns), onto what no row of the design depends on."""
    sizes, directions = np.linalg.eigh(design.T @ design)
    rest = directions[:, sizes <= 1e-12 * sizes.max(initial=0.0)]
    return (rest @ rest.T).astype(np.float64)


def _step(
    design: Array, left: _Tallies, fitted: Array, log_tie: Array, ridge: float, closing: Array
) -> Array:
    """One Newton step of all draws, shape (draws, columns + 1); the last is that of log_tie."""
    draws, columns = fitted.shape
    lead, tie = _lead_and_tie(fitted @ design.T, np.exp(log_tie)[:, None])
    number = left.number
    gradient = np.empty((draws, columns + 1))
    gradient[:, :-1] = (left.contrast - number * lead) @ design / 2 - ridge * fitted
    gradient[:, -1] = left.ties - (number * tie).sum(-1)
    curvature = np.empty((draws, columns + 1, columns + 1))
    squares = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    own = (number * (1 - tie - lead * lead)) @ squares / 4
    curvature[:, :-1, :-1] = own.reshape(-1, columns, columns) + ridge * np.eye(columns) + closing
    curvature[:, :-1, -1] = curvature[:, -1, :-1] = -(number * lead * tie) @ design / 2
    curvature[:, -1, -1] = (number * tie * (1 - tie)).sum(-1)
    curvature += _DAMPING * np.eye(columns + 1)  # a draw may leave more open than its design
    return np.linalg.solve(curvature, gradient[..., None])[..., 0].astype(np.float64)


def _lead_and_tie(difference: Array, tie: Array) -> tuple[Array, Array]:
    """A's chance less B's, and the chance of a tie, from v in `tie`."""
    smaller = np.exp(-np.abs(difference) / 2)  # exp(d/2) over the greater of both, so none is huge
    square = smaller * smaller
    total = 1.0 + square + tie * smaller
    return np.copysign((1.0 - square) / total, difference), tie * smaller / total
