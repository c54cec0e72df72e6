"""The verdict over a row of measurements: rising ones are told from noisy ones."""

from __future__ import annotations

import random

import pytest

from tests.soak.trend import ROWS_MIN, trend_of

NOISE = random.Random(7)


def test_a_steady_rise_is_none_of_the_noise() -> None:
    trend = trend_of([100 + 2 * number + NOISE.uniform(-3, 3) for number in range(12)], 0.10)
    assert trend.is_flat is False
    assert 0.15 < trend.growth < 0.27


@pytest.mark.parametrize(
    "values",
    [
        [100.0] * 12,
        [100, 130, 90, 110, 95, 128, 101, 99, 131, 92, 108, 100],
        [100, 101, 100, 102, 101, 100, 102, 101, 100, 102, 101, 400],  # one outlier, at the worst place
        [200 - 5 * number for number in range(12)],
        [100 + 0.5 * number for number in range(12)],  # in order, but less than is tolerated
    ],
)
def test_what_is_flat(values: list[float]) -> None:
    assert trend_of(values, 0.10).is_flat is True


def test_growth_of_next_to_nothing_is_nothing() -> None:
    values = [0.1 * number for number in range(12)]
    assert trend_of(values, 0.10).is_flat is False
    assert trend_of(values, 0.10, floor=50.0).is_flat is True


def test_a_saw_that_settles_is_flat_and_one_that_climbs_is_not() -> None:
    saw = [100 + 20 * (number % 4) for number in range(16)]
    assert trend_of(saw, 0.20).is_flat is True
    assert trend_of([value + 10 * number for number, value in enumerate(saw)], 0.20).is_flat is False


def test_of_too_few_nothing_is_said() -> None:
    assert trend_of([1.0, 2.0, 3.0, 4.0, 5.0], 0.1).is_flat is None
    assert trend_of([], 0.1).is_flat is None
    assert ROWS_MIN == 6


def test_chance_gives_few_false_alarms() -> None:
    generator = random.Random(1)
    alarms = sum(trend_of([generator.gauss(100, 15) for _ in range(12)], 0.05).is_flat is False for _ in range(1_000))
    assert alarms < 20
