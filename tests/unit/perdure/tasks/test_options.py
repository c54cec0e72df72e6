"""Options of tasks."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta, timezone
from typing import get_type_hints

import pytest

from perdure.common import Priority
from perdure.outbox import Outbox
from perdure.tasks import Task
from perdure.tasks.options import ONCE, RETRY_POLICY, CallOptions, TaskOptions, duration, moment, optional_duration


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


def test_the_options_of_a_call_are_said_once() -> None:
    for call in (Task.apply_async, Task.aapply_async, Outbox.apply_async):
        parameters = inspect.signature(call).parameters.values()
        named = {each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY}
        assert named == set(get_type_hints(CallOptions))
