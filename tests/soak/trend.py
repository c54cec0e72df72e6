"""Whether a row of measurements rises.

Role: pure. A slope that one outlier cannot bend (Theil and Sen: the median of the slopes of all pairs), and a test
whether there is an order in the row at all (Mann and Kendall). A row rises if both say so: by more than is tolerated
over the whole row, and with more order than chance gives.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

CHANCE_MAX = 0.01
"""How likely so much order may be in a row without any trend before it counts as one."""

ROWS_MIN = 6
"""Measurements below which nothing is said."""


@dataclass(frozen=True)
class Trend:
    """`growth`: the rise over the whole row as a share of its level; `chance`: how likely such an order is without a
    trend. `is_flat` is None when there are too few measurements."""

    median: float
    growth: float
    chance: float
    tolerance: float
    is_flat: bool | None


def trend_of(values: Sequence[float], tolerance: float, floor: float = 0.0) -> Trend:
    """Judge a row of measurements taken at equal distances.

    Args:
        tolerance: the growth that is allowed, as a share of the level.
        floor: what the level is taken for at least: growth of next to nothing is nothing.
    """
    median = statistics.median(values) if values else 0.0
    if len(values) < ROWS_MIN:
        return Trend(median, 0.0, 1.0, tolerance, None)
    pairs = list(combinations(range(len(values)), 2))
    slope = statistics.median((values[j] - values[i]) / (j - i) for i, j in pairs)
    growth = slope * (len(values) - 1) / max(abs(median), floor, 1e-12)
    score = sum((values[j] > values[i]) - (values[j] < values[i]) for i, j in pairs)
    chance = _chance_of(score, len(values), _tied(values))
    return Trend(median, growth, chance, tolerance, not (growth > tolerance and chance < CHANCE_MAX))


def _tied(values: Sequence[float]) -> float:
    counts = (values.count(value) for value in set(values))
    return float(sum(n * (n - 1) * (2 * n + 5) for n in counts if n > 1))


def _chance_of(score: int, count: int, tied: float) -> float:
    """Of a score at least as high, by the normal approximation with continuity."""
    variance = (count * (count - 1) * (2 * count + 5) - tied) / 18
    if score <= 0 or variance <= 0:
        return 1.0
    return 0.5 * math.erfc((score - 1) / math.sqrt(2 * variance))
