"""Median, percentiles and intervals, with no opinion about what they measure."""

import math
from collections.abc import Sequence

Z_95 = 1.96


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the percentile by linear interpolation, as ``PERCENTILE_CONT`` does; None of nothing."""
    if not 0 <= share <= 1:
        raise ValueError("share lies between 0 and 1")
    if not values:
        return None
    ordered = sorted(values)
    position = (len(ordered) - 1) * share
    below = math.floor(position)
    above = math.ceil(position)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def median(values: Sequence[float]) -> float | None:
    """Return the middle value, halfway between the two middle ones of an even count."""
    return percentile(values, 0.5)


def mean(values: Sequence[float]) -> float | None:
    """Return the arithmetic mean; None of nothing."""
    return math.fsum(values) / len(values) if values else None


def wilson(successes: int, n: int, z: float = Z_95) -> tuple[float, float] | None:
    """Return the Wilson score interval of a share; None when nothing was counted."""
    if n == 0:
        return None
    if not 0 <= successes <= n:
        raise ValueError("successes lie between 0 and n")
    share = successes / n
    spread = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / spread
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / spread
    return (max(0.0, centre - half), min(1.0, centre + half))
