"""Scripted workflows: a list of steps, and the pure function from a history to the commands that come next.

Steps (each waits for its end before the next one begins):
- `["acts", [spec, ...]]`: activities side by side.
- `["timer", ms]`: a timer.
- `["signal", n]`: until n signals have come in.
- `["race", ms, spec]`: a timer against an activity; the loser is cancelled.
- `["flaky", n]`: the first n attempts of the workflow task fail.

An activity's spec: `ms` it takes, `fail` attempts that fail, `fatal` (its failure is not retried), `once` (one attempt
only), `beat` (it reports its start and heartbeats), `stuck` (its first attempt never ends by itself).
"""

from __future__ import annotations

import json
import random
from typing import Any

from perdure.protocol.commands import (
    CancelTimer,
    CancelWorkflowExecution,
    Command,
    CompleteWorkflowExecution,
    RequestCancelActivityTask,
    ScheduleActivityTask,
    StartTimer,
)
from perdure.protocol.events import EventType, HistoryEvent
from perdure.protocol.retry import RetryPolicyData

Spec = dict[str, int]
Step = list[Any]

OUTCOMES = {
    EventType.ACTIVITY_TASK_COMPLETED: "completed",
    EventType.ACTIVITY_TASK_FAILED: "failed",
    EventType.ACTIVITY_TASK_TIMED_OUT: "timed out",
    EventType.ACTIVITY_TASK_CANCELED: "canceled",
}


class TaskFails(Exception):
    """The workflow's code raises in this attempt of the workflow task."""


class View:
    """One run as its worker sees it: what `apply` was given, in order."""

    def __init__(self) -> None:
        self.script: list[Step] = []
        self.stands_at = 0
        self.next_event_id = 1
        self.scheduled: dict[str, int] = {}
        self.outcomes: dict[str, str] = {}
        self.cancels: dict[str, int] = {}
        self.timers: dict[str, str] = {}
        self.signals = 0
        self.cancel_requested = False
        self._activity_ids: dict[int, str] = {}
        self._asked: list[str] = []

    def apply(self, events: list[HistoryEvent]) -> None:
        for event in events:
            if event.event_id:
                # What tells a workflow nothing may be left out of a task's events.
                assert event.event_id >= self.next_event_id, f"event {event.event_id} after {self.next_event_id - 1}"
                self.next_event_id = event.event_id + 1
                self._apply(event.event_id, event.event_type, event.attributes)

    def _apply(self, event_id: int, kind: int, attributes: Any) -> None:
        if kind == EventType.WORKFLOW_EXECUTION_STARTED:
            self.script = json.loads(attributes.input)
        elif kind == EventType.ACTIVITY_TASK_SCHEDULED:
            self._scheduled(event_id, attributes.activity_id)
        elif kind == EventType.ACTIVITY_TASKS_SCHEDULED_AS_ASKED:
            for offset in range(attributes.activities):
                self._scheduled(event_id + offset, self._asked.pop(0))
        elif kind in OUTCOMES:
            activity_id = self._activity_ids[attributes.scheduled_event_id]
            assert activity_id not in self.outcomes, f"activity {activity_id} has two outcomes"
            self.outcomes[activity_id] = OUTCOMES[EventType(kind)]
        elif kind == EventType.ACTIVITY_TASK_CANCEL_REQUESTED:
            self.cancels[self._activity_ids[attributes.scheduled_event_id]] = event_id
        elif kind == EventType.TIMER_STARTED:
            self.timers[attributes.timer_id] = "started"
        elif kind == EventType.TIMER_FIRED:
            self.timers[attributes.timer_id] = "fired"
        elif kind == EventType.TIMER_CANCELED:
            self.timers[attributes.timer_id] = "canceled"
        elif kind == EventType.WORKFLOW_EXECUTION_SIGNALED:
            self.signals += 1
        elif kind == EventType.WORKFLOW_EXECUTION_CANCEL_REQUESTED:
            self.cancel_requested = True

    def _scheduled(self, event_id: int, activity_id: str) -> None:
        self.scheduled[activity_id] = event_id
        self._activity_ids[event_id] = activity_id

    def decide(self, attempt: int) -> list[Command]:
        """The commands that follow from what was applied so far.

        Raises:
            TaskFails: this attempt of the workflow task is to fail.
        """
        commands = self._decide(attempt)
        self._asked = [command.activity_id for command in commands if isinstance(command, ScheduleActivityTask)]
        return commands

    def _decide(self, attempt: int) -> list[Command]:
        if self.cancel_requested:
            return [CancelWorkflowExecution(b"as asked")]
        for index, step in enumerate(self.script):
            commands = self._step(str(index), step, attempt)
            if commands is not None:
                return commands
        return [CompleteWorkflowExecution(json.dumps(self.outcomes, sort_keys=True).encode())]

    def _step(self, index: str, step: Step, attempt: int) -> list[Command] | None:
        """What a step wants now; None once it is over."""
        kind = step[0]
        if kind == "acts":
            specs = {f"{index}.{number}": spec for number, spec in enumerate(step[1])}
            if all(activity_id in self.outcomes for activity_id in specs):
                return None
            return [schedule(name, spec) for name, spec in specs.items() if name not in self.scheduled]
        if kind == "timer":
            if index not in self.timers:
                return [StartTimer(index, step[1])]
            return None if self.timers[index] == "fired" else []
        if kind == "signal":
            return None if self.signals >= step[1] else []
        if kind == "race":
            return self._race(index, step)
        assert kind == "flaky"
        if attempt <= step[1] and not self._has_begun(int(index) + 1):
            raise TaskFails(f"attempt {attempt}")
        return None

    def _race(self, index: str, step: Step) -> list[Command] | None:
        if index not in self.scheduled:
            return [StartTimer(index, step[1]), schedule(index, step[2])]
        if index in self.outcomes:
            return None if self.timers[index] != "started" else self._cancel_timer(index)
        if self.timers[index] == "fired" and index not in self.cancels:
            return [RequestCancelActivityTask(self.scheduled[index])]
        return []

    def _cancel_timer(self, index: str) -> list[Command]:
        """The rest of the script goes on in the same workflow task."""
        self.timers[index] = "canceled"
        rest: list[Command] = []
        for later in range(int(index) + 1, len(self.script)):
            commands = self._step(str(later), self.script[later], 99)
            if commands is not None:
                rest = commands
                break
        else:
            rest = [CompleteWorkflowExecution(json.dumps(self.outcomes, sort_keys=True).encode())]
        return [CancelTimer(index), *rest]

    def _has_begun(self, index: int) -> bool:
        name = str(index)
        begun = (*self.scheduled, *self.timers)
        return any(known == name or known.startswith(f"{name}.") for known in begun)


def schedule(activity_id: str, spec: Spec) -> ScheduleActivityTask:
    policy = RetryPolicyData(initial_interval_ms=100, maximum_attempts=1 if spec.get("once") else 0)
    timeout_ms = 1_500 if spec.get("stuck") else 60_000
    beat_ms = 5_000 if spec.get("beat") else 0
    return ScheduleActivityTask(
        activity_id,
        "scripted",
        "",
        json.dumps(spec).encode(),
        0,
        0,
        timeout_ms,
        beat_ms,
        policy,
        priority=spec.get("priority", 3),
    )


def random_script(generator: random.Random) -> list[Step]:
    """A few steps, among them each kind now and then."""
    steps: list[Step] = []
    signals = 0
    for _ in range(generator.randint(1, 4)):
        kind = generator.choice(["acts", "acts", "acts", "timer", "signal", "race", "flaky"])
        if kind == "acts":
            steps.append(["acts", [random_spec(generator) for _ in range(generator.choice([1, 1, 1, 2, 5, 20]))]])
        elif kind == "timer":
            steps.append(["timer", generator.choice([0, 10, 500, 3_000, 75_000])])
        elif kind == "signal":
            signals += generator.randint(1, 2)
            steps.append(["signal", signals])
        elif kind == "race":
            steps.append(["race", generator.choice([20, 1_000]), random_spec(generator)])
        else:
            steps.append(["flaky", generator.randint(1, 4)])
    return steps


def random_spec(generator: random.Random) -> Spec:
    spec = {"ms": generator.choice([1, 5, 20, 200]), "priority": generator.randint(1, 5)}
    kind = generator.choice(["plain"] * 5 + ["fail", "fatal", "once", "once", "beat", "stuck"])
    if kind == "fail":
        spec["fail"] = generator.randint(1, 3)
    elif kind == "beat":
        spec |= {"beat": 1, "ms": generator.choice([600, 3_000])}
    elif kind != "plain":
        spec[kind] = 1
    return spec


def signals_wanted(script: list[Step]) -> int:
    return max((step[1] for step in script if step[0] == "signal"), default=0)
