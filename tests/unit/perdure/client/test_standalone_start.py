"""Requests that start activities."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perdure import activity
from perdure.client.standalone_start import activity_name_and_type, options_of
from perdure.common import Priority, RetryPolicy
from perdure.protocol.activity_executions import ActivityOptions
from tests.unit.perdure.client.mails import send


def test_the_name_and_the_type_of_the_result() -> None:
    assert activity_name_and_type(send) == ("send", list[str])
    assert activity_name_and_type("any") == ("any", None)

    @activity.defn(dynamic=True)
    async def everything(args: object) -> None: ...

    with pytest.raises(TypeError, match="has no name of its own"):
        activity_name_and_type(everything)


def test_options() -> None:
    second = timedelta(seconds=1)
    policy = RetryPolicy(maximum_attempts=2)
    assert options_of(None, second, 2 * second, None, policy, Priority(1), 2, 2) == ActivityOptions(
        0, 1_000, 2_000, 0, policy.to_data(), 1, 2, 2
    )
    with pytest.raises(ValueError, match="start_to_close_timeout"):
        options_of(None, None, -second, None, None, Priority.default, 1, 1)
