"""Ways to run a start once, as programs say them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perdure.deduplication import Deduplication


def test_as_they_travel_their_order_rises() -> None:
    ways = [
        Deduplication.reject(timedelta(minutes=1)),
        Deduplication.throttle(0.5),
        Deduplication.debounce(2),
        Deduplication.latest(),
    ]
    told = [way.to_data() for way in ways]
    assert [(each.mode, each.window_ms) for each in told] == [(1, 60_000), (2, 500), (3, 2_000), (4, 0)]
    orders = [each.order for each in told]
    assert orders == sorted(set(orders))
    assert ways[0].to_data().order > orders[-1]


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be below 0"):
        Deduplication.throttle(-1)
    with pytest.raises(ValueError, match="a debounce needs a window above 0"):
        Deduplication.debounce(0)
