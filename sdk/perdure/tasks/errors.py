"""What waiting for a task raises, and what a task raises to be tried again."""

from __future__ import annotations

from datetime import timedelta

from perdure.exceptions import ApplicationError, PerdureError


class TaskTimeout(PerdureError, TimeoutError):
    """`TaskHandle.get(timeout=...)`: the task has no result yet. It goes on; ask again."""

    def __init__(self, task_id: str, timeout_s: float) -> None:
        super().__init__(f"task {task_id!r} has no result after {timeout_s:g} s; it goes on, ask again later")
        self.task_id = task_id


class Retry(ApplicationError):
    """Raised by a task: it is to be tried again, when the one who refused it says. Its attempts are counted as always.

    Args:
        after: Not before so long (seconds or a `timedelta`), in place of what the retry policy says.
        message: Why.
    """

    def __init__(self, after: float | timedelta, message: str = "to be tried again later") -> None:
        delay = after if isinstance(after, timedelta) else timedelta(seconds=after)
        if delay <= timedelta(0):
            raise ValueError(f"after is {after}; it must be above 0")
        super().__init__(message, type="Retry", next_retry_delay=delay)
