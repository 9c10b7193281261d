"""Confidence intervals of shares, such as the share of answers that were rated as good."""

import math

Z_95 = 1.959963984540054


def wilson(count: int, total: int, z: float = Z_95) -> tuple[float, float]:
    """Return Wilson's score interval of the share count / total: two bounds from 0 to 1.

    `z` is the normal quantile; the default is for 95 %. The bounds are (0, 1) if `total` is 0.
    Raises ValueError unless 0 <= count <= total.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 1927.
    """
    if not 0 <= count <= total:
        raise ValueError(f"{count} of {total} cannot be")
    if total == 0:
        return 0.0, 1.0
    share = count / total
    scale = 1 + z * z / total
    middle = (share + z * z / (2 * total)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    # For a share of 0 or 1 that bound is the share itself, whatever rounding made of it.
    low = 0.0 if count == 0 else max(0.0, middle - half)
    high = 1.0 if count == total else min(1.0, middle + half)
    return low, high
