"""The model of scripted workflows: how they may end, and what their script asks for when it is run over a history."""

from __future__ import annotations

import json
from typing import Any

from perdure.protocol.events import (
    EventType,
    WorkflowExecutionCompleted,
    WorkflowTaskCompleted,
    WorkflowTaskScheduled,
)
from tests.simulation.auditor.workflow_tasks import commands_problem
from tests.simulation.model import Story
from tests.simulation.script import Spec, Step, TaskFails, View

_OUTCOMES = {"fatal": {"failed"}, "once": {"completed", "timed out"}}
"""What may become of an activity that nobody cancels; of others only that it completes."""


class ScriptModel:
    """The `Model` of "scripted"."""

    def outcome_problem(self, story: Story) -> str | None:
        kind = story.closing.event_type
        if kind == EventType.WORKFLOW_EXECUTION_TERMINATED:
            return None if story.terminations else "it was terminated, and nobody asked for that"
        if kind == EventType.WORKFLOW_EXECUTION_CANCELED:
            return None if story.cancels else "it was cancelled, and nobody asked for that"
        if not isinstance(story.closing.attributes, WorkflowExecutionCompleted):
            return f"it ended by {EventType(kind).name}"
        found = json.loads(story.closing.attributes.result)
        allowed = dict(_allowed(json.loads(story.started.input)))
        if set(found) != set(allowed):
            return f"its activities were {sorted(found)}, and its script has {sorted(allowed)}"
        odd = {name: outcome for name, outcome in found.items() if outcome not in allowed[name]}
        return f"its activities ended as {odd}, which is not allowed" if odd else None

    def replay_problem(self, story: Story) -> str | None:
        view = View()
        for place, event in enumerate(story.events):
            if isinstance(event.attributes, WorkflowTaskCompleted):
                scheduled = story.events[event.attributes.scheduled_event_id - 1].attributes
                assert isinstance(scheduled, WorkflowTaskScheduled)
                try:
                    commands = view.decide(scheduled.attempt)
                except TaskFails as error:
                    return f"the workflow task of event {event.event_id} fails: {error}"
                problem = commands_problem(commands, story.events[place + 1 :])
                if problem is not None:
                    return f"the workflow task of event {event.event_id} asks for {problem}"
            view.apply([event])
        return None


def _allowed(script: list[Step]) -> list[tuple[str, set[str]]]:
    """What may become of each activity of a script, by its id."""
    found: list[tuple[str, set[str]]] = []
    for index, step in enumerate(script):
        kind: Any = step[0]
        if kind == "acts":
            found += [(f"{index}.{number}", _ends(spec)) for number, spec in enumerate(step[1])]
        elif kind == "race":
            found.append((str(index), _ends(step[2]) | {"canceled", "failed", "timed out"}))
    return found


def _ends(spec: Spec) -> set[str]:
    return next((ends for word, ends in _OUTCOMES.items() if spec.get(word)), {"completed"})
