"""What users catch."""

from __future__ import annotations

import asyncio
import pickle
from datetime import timedelta

import pytest

from perdure.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    FailureError,
    PayloadSizeError,
    ThrottledError,
    is_cancelled_exception,
)


def _activity_error(cause: BaseException) -> ActivityError:
    error = ActivityError(
        "Activity task failed",
        scheduled_event_id=5,
        started_event_id=6,
        identity="w",
        activity_type="charge",
        activity_id="1",
        retry_state=None,
    )
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), CancelledError(), _activity_error(CancelledError())], ids=type
)
def test_cancelled_in_each_of_its_forms(error: BaseException) -> None:
    assert is_cancelled_exception(error)


@pytest.mark.parametrize("error", [ValueError(), FailureError("x"), _activity_error(ApplicationError("x"))], ids=type)
def test_failed_is_not_cancelled(error: BaseException) -> None:
    assert not is_cancelled_exception(error)


def test_an_application_error_shows_its_type() -> None:
    error = ApplicationError("no funds", {"missing": 3}, type="Declined")
    assert str(error) == "Declined: no funds"
    assert error.message == "no funds"
    assert error.details == ({"missing": 3},)
    assert not error.non_retryable


def test_a_payload_too_large_is_not_tried_again() -> None:
    error = PayloadSizeError(3_000_000, 2_097_152)
    assert error.non_retryable
    assert "3,000,000" in error.message
    assert "reference" in error.message


def test_a_429_waits_and_survives_another_process() -> None:
    error = ThrottledError(2.5, whole_queue=True, message="no tokens left")
    again = pickle.loads(pickle.dumps(error))
    for one in (error, again):
        assert (one.type, one.message, one.next_retry_delay) == (
            "QueueThrottledError", "no tokens left (after 2.5 s)", timedelta(seconds=2.5)
        )  # fmt: skip
        assert not one.non_retryable
    with pytest.raises(ValueError, match="must be positive"):
        ThrottledError(0)
