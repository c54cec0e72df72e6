"""Limits say what is wrong and what is allowed."""

from __future__ import annotations

import math

import pytest

from perdure.protocol.codec import pack
from perdure.protocol.failure import (
    ActivityInfo,
    ApplicationInfo,
    CanceledInfo,
    Failure,
    FailureInfo,
    TimeoutInfo,
    TimeoutType,
)
from perdure.protocol.payload import PAYLOAD_SIZE_MAX
from perdure.protocol.retry import RetryPolicyData
from perdure_engine.core.limits import (
    DURATION_MS_MAX,
    HISTORY_LENGTH_MAX,
    HISTORY_SIZE_MAX,
    bounded_failure,
    duration_problem,
    history_problem,
    history_warning,
    retry_policy_problem,
    size_problem,
)

HUGE = b"x" * (PAYLOAD_SIZE_MAX + 1)


def test_durations_fit_a_century() -> None:
    assert duration_problem("it", 0) is None
    assert duration_problem("it", DURATION_MS_MAX) is None
    assert duration_problem("it", -1) == "it is -1 ms; it must be at least 0 and at most 3162240000000 ms (100 years)"
    assert duration_problem("it", DURATION_MS_MAX + 1) is not None


def test_sizes() -> None:
    assert size_problem("it", HUGE[1:]) is None
    assert size_problem("it", HUGE) == (
        "it came to 2097153 bytes; the limit is 2097152: store the data elsewhere and pass a reference"
    )


def test_a_fifth_of_a_history_is_told_of() -> None:
    assert history_warning(HISTORY_LENGTH_MAX // 5, HISTORY_SIZE_MAX // 5) is None
    assert "40001 events" in (history_warning(HISTORY_LENGTH_MAX // 5 + 1, 0) or "")
    assert history_warning(0, HISTORY_SIZE_MAX // 5 + 1) is not None


def test_histories() -> None:
    assert history_problem(HISTORY_LENGTH_MAX, HISTORY_SIZE_MAX) is None
    assert history_problem(HISTORY_LENGTH_MAX + 1, 0) == (
        "the history has 200001 events in 0 bytes; the limits of one run are 200000 events and 52428800 bytes: "
        "do the work in several runs"
    )
    assert history_problem(5, HISTORY_SIZE_MAX + 1) is not None


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        (RetryPolicyData(), None),
        (RetryPolicyData(0, 1.0), None),
        (RetryPolicyData(initial_interval_ms=-1), "the initial interval of the retry policy is -1 ms"),
        (RetryPolicyData(maximum_interval_ms=2**60), "the maximum interval of the retry policy is"),
        (RetryPolicyData(backoff_coefficient=0.5), "the backoff coefficient of the retry policy is 0.5"),
        (RetryPolicyData(backoff_coefficient=math.nan), "the backoff coefficient of the retry policy is nan"),
        (RetryPolicyData(backoff_coefficient=math.inf), "the backoff coefficient of the retry policy is inf"),
        (RetryPolicyData(maximum_attempts=-1), "the retry policy allows -1 attempts; give at least 1, or 0"),
    ],
)
def test_retry_policies(policy: RetryPolicyData, problem: str | None) -> None:
    found = retry_policy_problem(policy)
    assert found == problem if problem is None else found is not None and found.startswith(problem)


@pytest.mark.parametrize(
    ("info", "kept"),
    [
        (ApplicationInfo("Odd" * 1000, True, HUGE, 5), ApplicationInfo(("Odd" * 1000)[:1000], True, b"", 5)),
        (TimeoutInfo(TimeoutType.HEARTBEAT, HUGE), TimeoutInfo(TimeoutType.HEARTBEAT)),
        (CanceledInfo(HUGE), CanceledInfo()),
        (ActivityInfo(5, 6, "a", "charge", 2), ActivityInfo(5, 6, "a", "charge", 2)),
    ],
)
def test_a_huge_failure_keeps_what_matters(info: FailureInfo, kept: FailureInfo) -> None:
    cause = Failure("y" * PAYLOAD_SIZE_MAX)
    failure = bounded_failure(Failure.of("x" * 5_000, info, cause=cause, stack_trace="line", source="PythonSDK"))
    assert failure.info == kept
    assert failure.message.startswith("x" * 2_000 + " (a failure of ")
    assert failure.message.endswith("bytes was cut; the limit is 2097152)")
    assert failure.source == "PythonSDK"
    assert len(pack(failure)) < 10_000


def test_an_ordinary_failure_is_left_alone() -> None:
    failure = Failure("it broke", cause=Failure("before"))
    assert bounded_failure(failure) is failure
