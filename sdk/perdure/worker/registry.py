"""What a worker can run, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from perdure.activity.definition import ActivityDefinition
from perdure.tasks.canvas.interpreter import run_canvas
from perdure.tasks.definition import TaskActivity
from perdure.workflow.definition import WorkflowDefinition

_DYNAMIC = ""
"""In place of the name of the workflow that takes every type without a definition."""


class Registry:
    """Workflow and activity definitions of one worker. One that has tasks runs the workflow of `perdure.tasks.canvas`.

    Raises:
        TypeError: something is no workflow or activity, or cannot be called as it is.
        ValueError: two have one name.
    """

    def __init__(self, workflows: Iterable[Any], activities: Sequence[Callable[..., Any]]) -> None:
        self.workflows: dict[str, WorkflowDefinition] = {}
        self.activities: dict[str | None, ActivityDefinition] = {}
        for workflow in workflows:
            definition = WorkflowDefinition.of(workflow)
            if definition is None:
                name = getattr(workflow, "__qualname__", repr(workflow))
                raise TypeError(f"{name} is not a workflow: decorate it with @workflow.defn")
            name = _DYNAMIC if definition.is_dynamic else definition.name
            if name in self.workflows:
                what = f"have the name {name!r}; give one another: defn(name=...)" if name else "are dynamic; keep one"
                raise ValueError(f"two workflows {what}")
            self.workflows[name] = definition
        for activity in activities:
            found = ActivityDefinition.to_register(activity)
            if found.name in self.activities:
                what = "dynamic" if found.name is None else f"named {found.name!r}"
                raise ValueError(f"two activities are {what}; give one another name: defn(name=...)")
            self.activities[found.name] = found
            if isinstance(found, TaskActivity):
                canvas = WorkflowDefinition.of(run_canvas)
                assert canvas is not None
                self.workflows.setdefault(canvas.name, canvas)

    def workflow(self, name: str) -> WorkflowDefinition | None:
        return self.workflows.get(name) or self.workflows.get(_DYNAMIC)

    def activity(self, name: str) -> ActivityDefinition | None:
        return self.activities.get(name) or self.activities.get(None)

    def unknown_workflow(self, name: str, task_queue: str) -> str:
        """The error about a workflow type that is not here."""
        return _unknown("workflow", "workflows", name, task_queue, filter(None, self.workflows))

    def unknown_activity(self, name: str, task_queue: str) -> str:
        """The error about an activity type that is not here."""
        return _unknown("activity", "activities", name, task_queue, filter(None, self.activities))


def _unknown(kind: str, plural: str, name: str, task_queue: str, known: Iterable[str]) -> str:
    return (
        f"{kind} type {name!r} is not registered with this worker of task queue {task_queue!r}, which has: "
        f"{', '.join(sorted(known)) or 'none'}. Add it to {plural}= of the worker, or correct the name or "
        "the task queue"
    )
