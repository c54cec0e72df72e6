"""A canvas as it travels: a tree of plain data, beside it what its steps have in common.

Rules: the client works out all that needs the functions of the tasks (which argument is which, what an option says), so
that the workflow runs on any worker that has tasks. The form is in histories: a change needs a new `FORM`.

    {"k": "task", "of": 0, "args": [...], "takes": bool}      takes: the result before it is its first argument
    {"k": "chain", "of": [node, ...]}
    {"k": "group", "of": [node, ...]}
    {"k": "chord", "of": node, "body": node}
    {"k": "map", "of": 0, "items": [[...], ...]}
    {"k": "apart", "of": node, "queue": "..."}                in a workflow of its own
    {"k": "watch", "of": node, "told": [node, ...]}           told: given `failure_data` when it fails
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from perdure.common import Priority, RetryPolicy
from perdure.tasks.canvas.failures import CanvasTooLarge

if TYPE_CHECKING:
    from perdure.tasks.definition import Task

FORM = 1

WORKFLOW_NAME = "perdure.canvas"
"""The workflow that runs a canvas. Every worker that has tasks runs it."""

STEPS_MAX = 20_000
"""Steps of one workflow: so many activities of a run may be pending, and its history then has some 120,000 events of
the 200,000 that a run may have."""

TOGETHER_MAX = 10_000
"""Members of one group, and items of one map."""

APART_MAX = 1_000
"""Chunks of one workflow, each a workflow of its own."""

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """What the steps of one task have in common."""

    name: str
    queue: str
    retry_policy: RetryPolicy
    time_limit: timedelta
    expires: timedelta | None
    heartbeat_timeout: timedelta | None
    priority: Priority
    countdown: timedelta | None


@dataclass(frozen=True)
class Plan:
    """The argument of the workflow. `within` bounds all of it."""

    form: int
    tree: Any
    steps: list[Step]
    within: timedelta


@dataclass
class Packing:
    """Makes the tree of one workflow.

    Attributes:
        steps: What steps have in common, each once.
    """

    steps: list[Step] = field(default_factory=list)
    _numbers: dict[tuple[int, timedelta | None], int] = field(default_factory=dict)
    _tasks: list[Task[..., Any]] = field(default_factory=list)
    _count: int = 0
    _apart: int = 0

    def number(self, task: Task[..., Any], countdown: timedelta | None = None) -> int:
        """Where the steps of this task say what they have in common."""
        key = (id(task), countdown)
        if key not in self._numbers:
            self._numbers[key] = len(self.steps)
            self._tasks.append(task)  # alive as long as its id is a key
            options = task.activity_options
            self.steps.append(
                Step(
                    task.name,
                    options["task_queue"],
                    options["retry_policy"],
                    options["start_to_close_timeout"],
                    options["schedule_to_start_timeout"],
                    options["heartbeat_timeout"],
                    options["priority"],
                    countdown,
                )
            )
        return self._numbers[key]

    def check(self, what: str, length: int) -> None:
        """Raises:
        CanvasTooLarge: so many are too many for one group, or map.
        """
        if length > TOGETHER_MAX:
            raise CanvasTooLarge(
                f"this {what} has {length} steps; it may have {TOGETHER_MAX}. Divide the work into chunks, each a "
                "workflow of its own: task.chunks(items, size)"
            )

    def count(self, steps: int) -> None:
        """Raises:
        CanvasTooLarge: with so many more steps.
        """
        self._count += steps
        if self._count > STEPS_MAX:
            raise CanvasTooLarge(
                f"this canvas has more than {STEPS_MAX} steps, which is the most that one workflow has. Divide the "
                "work into chunks, each a workflow of its own: task.chunks(items, size)"
            )

    def count_apart(self, chunks: int) -> None:
        """Raises:
        CanvasTooLarge: with so many more chunks.
        """
        self._apart += chunks
        if self._apart > APART_MAX:
            raise CanvasTooLarge(
                f"this canvas has more than {APART_MAX} chunks, which is the most that one workflow has. Make them "
                f"larger (up to {TOGETHER_MAX} items each), or start several"
            )
