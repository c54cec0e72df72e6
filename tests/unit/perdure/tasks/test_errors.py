"""Errors of waiting."""

from __future__ import annotations

from perdure.tasks.errors import TaskTimeout


def test_a_timeout_says_that_the_task_goes_on() -> None:
    error = TaskTimeout("t-1", 2.5)
    assert isinstance(error, TimeoutError)
    assert str(error) == "task 't-1' has no result after 2.5 s; it goes on, ask again later"
