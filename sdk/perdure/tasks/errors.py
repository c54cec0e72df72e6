"""What waiting for a task raises."""

from __future__ import annotations

from perdure.exceptions import PerdureError


class TaskTimeout(PerdureError, TimeoutError):
    """`TaskHandle.get(timeout=...)`: the task has no result yet. It goes on; ask again."""

    def __init__(self, task_id: str, timeout_s: float) -> None:
        super().__init__(f"task {task_id!r} has no result after {timeout_s:g} s; it goes on, ask again later")
        self.task_id = task_id
