"""Shares with their intervals, for ratings and for answers alike. Pure."""

import math

Z_95 = 1.959963984540054


def wilson(count: int, total: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval of count / total, within 0 and 1; (0, 1) where there is nothing.

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
    # At the ends the bound is the share itself; rounding must not move it.
    low = 0.0 if count == 0 else max(0.0, middle - half)
    high = 1.0 if count == total else min(1.0, middle + half)
    return low, high
