"""Backoff grows to its maximum, and no number makes it raise."""

from __future__ import annotations

import math

import pytest

from perdure.protocol.failure import TimeoutType
from perdure.protocol.retry import DEFAULT_RETRY_POLICY, RetryPolicyData, decode_retry_policy


def test_the_default_is_temporals() -> None:
    assert [DEFAULT_RETRY_POLICY.backoff_ms(attempt) for attempt in range(1, 9)] == [
        1_000,
        2_000,
        4_000,
        8_000,
        16_000,
        32_000,
        64_000,
        100_000,
    ]


@pytest.mark.parametrize(
    ("policy", "attempt", "backoff_ms"),
    [
        (RetryPolicyData(500, 1.0), 50, 500),
        (RetryPolicyData(1_000, 3.0, 5_000), 3, 5_000),
        (RetryPolicyData(1_000, 2.0), 10_000, 100_000),
        (RetryPolicyData(0, 2.0), 3, 0),
        (RetryPolicyData(0, math.inf), 2, 0),
        (RetryPolicyData(1_000, math.nan), 2, 100_000),
        (RetryPolicyData(1_000, math.inf), 2, 100_000),
    ],
)
def test_backoff(policy: RetryPolicyData, attempt: int, backoff_ms: int) -> None:
    assert policy.backoff_ms(attempt) == backoff_ms


@pytest.mark.parametrize(
    ("policy", "begins_once", "ends_by"),
    [
        (RetryPolicyData(), False, []),
        (RetryPolicyData(maximum_attempts=1), True, []),
        (RetryPolicyData(maximum_attempts=2), False, []),
        (RetryPolicyData(non_retryable_error_types=("Odd", "TemporalTimeout:StartToClose")), False, [1]),
        (RetryPolicyData(non_retryable_error_types=("TemporalTimeout:Heartbeat",)), True, [4]),
    ],
)
def test_timeouts_that_end_it(policy: RetryPolicyData, begins_once: bool, ends_by: list[int]) -> None:
    assert policy.begins_once == begins_once
    assert [kind for kind in TimeoutType if policy.ends_by_timeout(kind)] == ends_by
    assert not policy.ends_by_timeout(None)


def test_the_default_policy_is_one_object() -> None:
    assert decode_retry_policy(()) == RetryPolicyData()
    assert decode_retry_policy(tuple(DEFAULT_RETRY_POLICY)) is DEFAULT_RETRY_POLICY
