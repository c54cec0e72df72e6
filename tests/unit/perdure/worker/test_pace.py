"""So many a second, and no burst."""

from __future__ import annotations

import pytest

from perdure.worker.pace import Pace


def test_what_was_taken_is_waited_for() -> None:
    now = 100.0
    pace = Pace(20, lambda: now)
    assert pace.count_max == 2
    assert pace.wait_s() <= 0
    pace.took(2)
    assert pace.wait_s() == pytest.approx(0.1)
    now = 100.1
    assert pace.wait_s() == pytest.approx(0)


def test_what_was_not_used_is_not_saved_up() -> None:
    now = 0.0
    pace = Pace(0.5, lambda: now)
    now = 1_000.0
    assert pace.count_max == 1
    pace.took(1)
    assert pace.wait_s() == pytest.approx(2.0)


def test_nothing_read_costs_nothing() -> None:
    pace = Pace(1, lambda: 5.0)
    pace.took(0)
    assert pace.wait_s() <= 0
