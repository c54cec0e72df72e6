"""Policies and priorities, as users give them and as they travel."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perdure.common import UNSET, Priority, RetryPolicy, milliseconds, positional_arguments
from perdure.protocol.retry import RetryPolicyData


def test_a_retry_policy_survives_its_way() -> None:
    policy = RetryPolicy(
        initial_interval=timedelta(seconds=2),
        backoff_coefficient=1.5,
        maximum_interval=timedelta(minutes=1),
        maximum_attempts=7,
        non_retryable_error_types=("ValueError",),
    )
    assert RetryPolicy.from_data(policy.to_data()) == policy
    assert RetryPolicy().to_data() == RetryPolicyData()


def test_an_interval_below_a_millisecond_still_waits() -> None:
    assert RetryPolicy(initial_interval=timedelta(microseconds=1)).to_data().initial_interval_ms == 1


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        (RetryPolicy(backoff_coefficient=0.5), "backoff_coefficient"),
        (RetryPolicy(maximum_attempts=-1), "maximum_attempts"),
        (RetryPolicy(maximum_interval=timedelta(milliseconds=1)), "maximum_interval"),
        (RetryPolicy(initial_interval=timedelta(seconds=-1)), "initial_interval"),
        (RetryPolicy(non_retryable_error_types="ValueError"), "list of names"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(policy: RetryPolicy, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        policy.to_data()


@pytest.mark.parametrize("key", [0, 6])
def test_a_priority_is_from_one_to_five(key: int) -> None:
    with pytest.raises(ValueError, match="from 1"):
        Priority(priority_key=key)


def test_durations_are_seconds_or_timedeltas() -> None:
    assert milliseconds("t", 1.5) == milliseconds("t", timedelta(seconds=1.5)) == 1500
    assert milliseconds("t", None) == milliseconds("t", 0) == 0
    assert milliseconds("t", 0.0001) == 1


def test_arguments_come_one_after_the_other_or_as_a_list() -> None:
    assert list(positional_arguments(1, (2, 3), ())) == [1, 2, 3]
    assert list(positional_arguments(UNSET, (), [1, 2])) == [1, 2]
    assert list(positional_arguments(None, (), ())) == [None]
    with pytest.raises(ValueError, match="not both"):
        positional_arguments(1, (), [2])
    with pytest.raises(ValueError, match="list"):
        positional_arguments(UNSET, (), "ab")
