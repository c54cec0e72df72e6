"""What an engine is told about attempts."""

from __future__ import annotations

import pytest

from perdure.common import Priority
from perdure.compat.celery.policies import DEAD_PROCESS, HARD_LIMIT, LOST_WORKER, STOPPED_WORKER, options_of


@pytest.mark.parametrize(
    ("acks_late", "reject", "begins_once", "final"),
    [
        (False, False, True, {HARD_LIMIT, LOST_WORKER, STOPPED_WORKER, DEAD_PROCESS}),
        (True, False, False, {HARD_LIMIT, DEAD_PROCESS}),
        (True, True, False, {HARD_LIMIT}),
        (False, True, True, {HARD_LIMIT, LOST_WORKER, STOPPED_WORKER, DEAD_PROCESS}),
    ],
)
def test_what_a_lost_worker_means(acks_late: bool, reject: bool, begins_once: bool, final: set[str]) -> None:
    policy = options_of("q", acks_late, reject, None, 0, None).policy
    assert policy.maximum_attempts == 0
    assert set(policy.non_retryable_error_types or ()) == final
    assert policy.to_data().begins_once == begins_once


def test_priorities_go_from_0_first_to_9_last() -> None:
    keys = [options_of("q", False, False, None, number, None).precedence.priority_key for number in range(10)]
    assert keys == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert options_of("q", False, False, 3.0, 0, 60.0).precedence == Priority(1)
    assert options_of("q", False, False, 3.0, 0, 60.0) is options_of("q", False, False, 3.0, 0, 60.0)
