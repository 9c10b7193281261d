"""Student's t distribution, and the incomplete beta function that it is made of.

scipy has both, but the bot would load a hundred modules for these few lines; tests compare them.
"""

import math
from functools import cache

_TINY = 1e-300
_STEPS = 400
_RELATIVE_ERROR = 1e-15


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), from 0 to 1.

    `a` and `b` are positive, `x` lies from 0 to 1. It is the chance that a Beta(a, b) variable is
    at most x. Continued fraction DLMF 8.17.22, evaluated by Lentz's method.
    """
    if not (a > 0 and b > 0 and 0 <= x <= 1):
        raise ValueError(f"no incomplete beta function for a={a}, b={b}, x={x}")
    if x in (0.0, 1.0):
        return x
    if x > (a + 1) / (a + b + 2):  # there the fraction converges slowly: take the other tail
        return 1.0 - incomplete_beta(b, a, 1.0 - x)
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(scale + a * math.log(x) + b * math.log1p(-x)) / a
    return front * _fraction(a, b, x)


def student_cdf(t: float, degrees: float) -> float:
    """Return the chance that Student's t with so many degrees of freedom is at most `t`."""
    if math.isinf(t):
        return 1.0 if t > 0 else 0.0
    beyond = 0.5 * incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t))
    return 1.0 - beyond if t > 0 else beyond


def student_tail(t: float, degrees: float) -> float:
    """Return the chance that Student's t is more than `t`: the one-sided p-value."""
    return student_cdf(-t, degrees)


@cache
def student_quantile(chance: float, degrees: int) -> float:
    """Return the t that Student's t stays below with this chance, which lies between 0 and 1.

    Raises ValueError for another chance or for less than one degree of freedom.
    """
    if not (0 < chance < 1 and degrees >= 1):
        raise ValueError(f"no quantile for chance {chance} and {degrees} degrees of freedom")
    if chance < 0.5:
        return -student_quantile(1 - chance, degrees)
    low, high = 0.0, 1.0
    while student_cdf(high, degrees) < chance:
        low, high = high, 2 * high
    while (middle := (low + high) / 2) not in (low, high):
        if student_cdf(middle, degrees) < chance:
            low = middle
        else:
            high = middle
    return high


def _fraction(a: float, b: float, x: float) -> float:
    """1 / (1 + d1 / (1 + d2 / (1 + ...))), with the terms d of DLMF 8.17.23."""
    value, upper, lower = 1.0, 1.0, 0.0
    for step in range(1, _STEPS):
        term = _term(step, a, b, x)
        lower = 1.0 / _not_zero(1.0 + term * lower)
        upper = _not_zero(1.0 + term / upper)
        value *= upper * lower
        if abs(upper * lower - 1.0) < _RELATIVE_ERROR:
            break
    return 1.0 / value


def _term(step: int, a: float, b: float, x: float) -> float:
    half = step // 2
    if step % 2:
        return -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
    return half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
