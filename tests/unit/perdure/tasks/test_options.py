"""Options of tasks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from perdure.common import Priority
from perdure.tasks.options import ONCE, RETRY_POLICY, TaskOptions, duration, moment, optional_duration


def test_durations_and_moments() -> None:
    assert duration(1.5) == duration(timedelta(seconds=1.5)) == timedelta(milliseconds=1_500)
    assert optional_duration(None) is None
    east = datetime(2026, 1, 1, 3, tzinfo=timezone(timedelta(hours=3)))
    assert moment(east) == datetime(2026, 1, 1, tzinfo=UTC)
    assert moment(datetime(2026, 1, 1)).tzinfo is UTC


def test_what_holds() -> None:
    options = TaskOptions()
    assert (options.policy, options.precedence) == (RETRY_POLICY, Priority.default)
    assert TaskOptions(at_most_once=True).policy is ONCE
    assert TaskOptions(priority=1).precedence == Priority(1)
    assert TaskOptions(time_limit=5).activity_options()["start_to_close_timeout"] == timedelta(seconds=5)


@pytest.mark.parametrize("name", ["time_limit", "expires", "heartbeat_timeout"])
def test_durations_are_above_nothing(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 0; it must be above 0"):
        TaskOptions(**{name: 0})
