"""Errors of waiting."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perdure.tasks.errors import Retry, TaskTimeout


def test_a_timeout_says_that_the_task_goes_on() -> None:
    error = TaskTimeout("t-1", 2.5)
    assert isinstance(error, TimeoutError)
    assert str(error) == "task 't-1' has no result after 2.5 s; it goes on, ask again later"


def test_a_task_says_when_it_is_to_be_tried_again() -> None:
    assert Retry(90).next_retry_delay == timedelta(seconds=90)
    assert Retry(timedelta(minutes=1), "too many requests").message == "too many requests"
    with pytest.raises(ValueError, match="after is 0; it must be above 0"):
        Retry(0)
