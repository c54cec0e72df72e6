"""Rules about workflow tasks: what a worker was told to be done is in the history, with all that came with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from perdure.protocol.child_workflow import StartChildWorkflowExecution, StartChildWorkflowExecutionInitiated
from perdure.protocol.commands import (
    CancelTimer,
    CancelWorkflowExecution,
    Command,
    CompleteWorkflowExecution,
    ContinueAsNewWorkflowExecution,
    FailWorkflowExecution,
    ModifyWorkflowProperties,
    RecordMarker,
    RequestCancelActivityTask,
    ScheduleActivityTask,
    StartTimer,
    UpsertSearchAttributes,
)
from perdure.protocol.events import (
    RESET_CAUSE,
    ActivityTaskCanceled,
    ActivityTaskCancelRequested,
    ActivityTaskScheduled,
    MarkerRecorded,
    TimerCanceled,
    TimerStarted,
    UpsertWorkflowSearchAttributes,
    WorkflowExecutionCanceled,
    WorkflowExecutionCompleted,
    WorkflowExecutionContinuedAsNew,
    WorkflowExecutionFailed,
    WorkflowPropertiesModified,
    WorkflowTaskAttemptFailed,
    WorkflowTaskCompleted,
    WorkflowTaskFailed,
    WorkflowTaskScheduled,
)
from perdure.protocol.external_workflow import (
    RequestCancelExternalWorkflowExecution,
    RequestCancelExternalWorkflowExecutionInitiated,
    SignalExternalWorkflowExecution,
    SignalExternalWorkflowExecutionInitiated,
)
from perdure.protocol.replies import TaskDropped
from perdure.protocol.requests import RespondWorkflowTaskCompleted, RespondWorkflowTaskFailed
from perdure.protocol.updates import (
    ProtocolMessage,
    UpdateMessageKind,
    WorkflowExecutionUpdateAccepted,
    WorkflowExecutionUpdateCompleted,
)
from tests.simulation.auditor.evidence import Evidence, Run
from tests.simulation.rules import Finding, Rule

ENGINE_CAUSES = frozenset({"UNHANDLED_COMMAND", "BAD_COMMAND"})
"""Causes for which the engine itself fails a task that its worker completed."""

CODE_RAISED = "WORKFLOW_WORKER_UNHANDLED_FAILURE"
MEANT = ("simulated: ", "attempt ")
"""How what the workflows of a simulation raise begins."""

EXPECTED_CAUSES = frozenset({"WORKFLOW_TASK_TIMED_OUT", "UNHANDLED_COMMAND"})

_EVENT_OF: dict[Any, type[Any]] = {
    ScheduleActivityTask: ActivityTaskScheduled,
    RequestCancelActivityTask: ActivityTaskCancelRequested,
    StartTimer: TimerStarted,
    CancelTimer: TimerCanceled,
    CompleteWorkflowExecution: WorkflowExecutionCompleted,
    FailWorkflowExecution: WorkflowExecutionFailed,
    CancelWorkflowExecution: WorkflowExecutionCanceled,
    RecordMarker: MarkerRecorded,
    UpsertSearchAttributes: UpsertWorkflowSearchAttributes,
    ModifyWorkflowProperties: WorkflowPropertiesModified,
    ContinueAsNewWorkflowExecution: WorkflowExecutionContinuedAsNew,
    StartChildWorkflowExecution: StartChildWorkflowExecutionInitiated,
    UpdateMessageKind.ACCEPTANCE: WorkflowExecutionUpdateAccepted,
    UpdateMessageKind.RESPONSE: WorkflowExecutionUpdateCompleted,
    SignalExternalWorkflowExecution: SignalExternalWorkflowExecutionInitiated,
    RequestCancelExternalWorkflowExecution: RequestCancelExternalWorkflowExecutionInitiated,
}
_SAME: dict[Any, tuple[str, ...]] = {
    ScheduleActivityTask: (
        "activity_id",
        "activity_type",
        "input",
        "schedule_to_close_timeout_ms",
        "schedule_to_start_timeout_ms",
        "start_to_close_timeout_ms",
        "heartbeat_timeout_ms",
        "headers",
        "priority",
        "summary",
    ),
    RequestCancelActivityTask: ("scheduled_event_id",),
    StartTimer: ("timer_id", "start_to_fire_timeout_ms", "summary"),
    CancelTimer: ("timer_id",),
    CompleteWorkflowExecution: ("result",),
    FailWorkflowExecution: ("failure",),
    CancelWorkflowExecution: ("details",),
    RecordMarker: ("marker_name", "details", "headers", "failure"),
    UpsertSearchAttributes: ("search_attributes",),
    ModifyWorkflowProperties: ("upserted_memo",),
    UpdateMessageKind.ACCEPTANCE: (),
    UpdateMessageKind.RESPONSE: ("update_id", "result", "failure"),
    StartChildWorkflowExecution: ("workflow_id", "workflow_type", "input", "parent_close_policy", "run_timeout_ms"),
    SignalExternalWorkflowExecution: ("workflow_id", "signal_name", "input", "child_initiated_event_id"),
    RequestCancelExternalWorkflowExecution: ("workflow_id", "reason", "child_initiated_event_id"),
    ContinueAsNewWorkflowExecution: ("input", "backoff_start_interval_ms"),
}
"""What a command and its event have in common."""


def check_completed(evidence: Evidence) -> Iterator[Finding]:
    for ask in evidence.asks(RespondWorkflowTaskCompleted):
        request = ask.request
        run = evidence.runs.get(request.run_id)
        if ask.acknowledged_s is None or ask.bodies(TaskDropped):
            continue  # it came to nothing: it was out for updates alone, and its worker rejected them
        if run is None:
            yield Finding(Rule.TASK_KEPT, f"a workflow task of {request.run_id} was acknowledged, which does not exist")
            continue
        position = _completed_at(run, request.scheduled_event_id, request.attempt)
        if position is not None:
            problem = commands_problem(request.commands, run.records[position + 1 :])
            if problem is not None:
                yield Finding(Rule.TASK_KEPT, f"{run}: task {request.scheduled_event_id} asked for {problem}")
        elif not _was_failed(run, request, lambda cause: cause in ENGINE_CAUSES):
            text = f"{run}: the acknowledged task {request.scheduled_event_id}, attempt {request.attempt}, is missing"
            yield Finding(Rule.TASK_KEPT, text)


def check_failed(evidence: Evidence) -> Iterator[Finding]:
    for ask in evidence.asks(RespondWorkflowTaskFailed):
        run, cause = evidence.runs.get(ask.request.run_id), ask.request.cause
        if ask.acknowledged_s is not None and (run is None or not _was_failed(run, ask.request, cause.__eq__)):
            yield Finding(Rule.TASK_KEPT, f"{run}: the acknowledged failure {ask.request} is missing")


def check_causes(evidence: Evidence) -> Iterator[Finding]:
    """A task that fails is tried again, which would hide what is wrong with a worker."""
    for run in evidence.runs.values():
        failures: list[tuple[int, WorkflowTaskFailed | WorkflowTaskAttemptFailed]] = []
        failures += run.of(WorkflowTaskFailed)
        failures += run.of(WorkflowTaskAttemptFailed)
        for position, failed in failures:
            message = failed.failure.message if failed.failure is not None else ""
            is_meant = failed.cause == CODE_RAISED and message.startswith(MEANT)
            is_reset = failed.cause == RESET_CAUSE and run.base_run_id
            if not is_meant and not is_reset and failed.cause not in EXPECTED_CAUSES:
                text = f"{run}: at {position}, a workflow task failed by {failed.cause}: {message}"
                yield Finding(Rule.TASK_FAILURE, text)


def _completed_at(run: Run, scheduled_event_id: int, attempt: int) -> int | None:
    """Where among the records this attempt of a workflow task was completed."""
    for position, completed in run.of(WorkflowTaskCompleted):
        if completed.scheduled_event_id == scheduled_event_id:
            scheduled = run.event(scheduled_event_id)
            # One that was out for updates alone has a token in the place of its attempt.
            if isinstance(scheduled, WorkflowTaskScheduled) and scheduled.attempt == max(attempt, 1):
                return position
    return None


def _was_failed(run: Run, request: Any, is_cause: Callable[[str], bool]) -> bool:
    """Whether this attempt of a workflow task was failed for such a cause: the first one by an event, others by an
    annotation."""
    if request.attempt <= 1:
        return any(
            failed.scheduled_event_id == request.scheduled_event_id and is_cause(failed.cause)
            for _, failed in run.of(WorkflowTaskFailed)
        )
    return any(
        failed.attempt == request.attempt and is_cause(failed.cause) for _, failed in run.of(WorkflowTaskAttemptFailed)
    )


def commands_problem(commands: Sequence[Command], after: Sequence[Any]) -> str | None:
    """The first command without its event, among the records after the completed event; None if all are there.

    A request to cancel an activity that is over, or was asked to stop before, leaves no event; one that ends an
    activity at once may leave its outcome before the close.
    """
    after = [record for record in after if record.event_id]
    position = 0
    for command in commands:
        kind: Any = type(command)
        if isinstance(command, ProtocolMessage):
            kind = command.kind
            if kind == UpdateMessageKind.REJECTION:
                continue  # which leaves nothing
        while position < len(after) and isinstance(after[position].attributes, ActivityTaskCanceled):
            position += 1
        attributes = after[position].attributes if position < len(after) else None
        if isinstance(attributes, _EVENT_OF[kind]) and all(
            getattr(attributes, word) == getattr(command, word) for word in _SAME[kind]
        ):
            position += 1
        elif kind is not RequestCancelActivityTask:
            return f"{command}, and its history has {attributes}"
    rest = after[position].attributes if position < len(after) else None
    if isinstance(rest, tuple(_EVENT_OF.values())):
        return f"{commands}, and its history has {rest} as well"
    return None


CHECKS = [check_completed, check_failed, check_causes]
