"""A run told by hand: a small engine that writes the history, and an instance that lives through it.

`Story` keeps the rules of the real engine that matter to a worker: a workflow task is scheduled when something happens,
its Started and Completed are written together, command events follow, then what happened meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from perdure.converter import DataConverter
from perdure.execution import stand_ins
from perdure.execution.instance import WorkflowInstance
from perdure.execution.local_activities import LocalCall
from perdure.execution.local_marker import LocalOutcome
from perdure.execution.surroundings import RunIdentity, WorkerSettings
from perdure.protocol import child_workflow as child, commands as cmd, events as ev, external_workflow as external
from perdure.protocol.events import EventType, HistoryEvent, decode_records, encode_records
from perdure.protocol.failure import ApplicationInfo, Failure, RetryState, TimeoutInfo, TimeoutType
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.updates import (
    ProtocolMessage,
    UpdateDelivery,
    UpdateMessageKind,
    WorkflowExecutionUpdateAccepted,
    WorkflowExecutionUpdateCompleted,
)
from perdure.workflow.definition import WorkflowDefinition
from perdure_engine.core.workflow_task import abridged

RUN_ID = "5f0c0e3a-0000-4000-8000-000000000001"
BEGIN_US = 1_800_000_000_000_000
SECOND_US = 1_000_000


class Story:
    """One run. Times pass only by `pass_seconds` and when a timer fires."""

    def __init__(self, workflow: Any, *arguments: Any, settings: WorkerSettings | None = None) -> None:
        definition = WorkflowDefinition.of(workflow)
        assert definition is not None
        stand_ins.install()
        self.definition = definition
        self.settings = settings or WorkerSettings("default", "queue")
        self.converter: DataConverter = self.settings.converter
        self.events: list[HistoryEvent] = []
        self.now_us = BEGIN_US
        self.commands: list[cmd.Command] = []
        self.is_task_pending = False
        self.outside: list[tuple[EventType, Any]] = []
        self.updates: list[UpdateDelivery] = []
        self._is_for_updates_alone = False
        self.instance = self.new_instance()
        self._delivered = 0
        started = ev.WorkflowExecutionStarted(
            definition.name, "queue", self.converter.to_bytes(arguments), "wf", first_execution_run_id=RUN_ID
        )
        self._add(EventType.WORKFLOW_EXECUTION_STARTED, started)
        self._schedule()

    def new_instance(self) -> WorkflowInstance:
        return WorkflowInstance(self.definition, self.settings, RunIdentity("wf", RUN_ID))

    # What happens outside --------------------------------------------------------------------------------------------
    def pass_seconds(self, seconds: float) -> None:
        self.now_us += round(seconds * SECOND_US)

    def signal(self, name: str, *arguments: Any) -> None:
        data = self.converter.to_bytes(arguments)
        self._happen(EventType.WORKFLOW_EXECUTION_SIGNALED, ev.WorkflowExecutionSignaled(name, data, "me", ""))

    def update(self, name: str, *arguments: Any, update_id: str = "u1", headers: bytes = b"") -> None:
        """An update comes in: with the pending task, or one that exists for its sake."""
        self.updates.append(UpdateDelivery(update_id, name, self.converter.to_bytes(arguments), "me", headers))
        if not self.is_task_pending:
            self._schedule()
            self._is_for_updates_alone = True

    def request_cancel(self, reason: str = "enough") -> None:
        attributes = ev.WorkflowExecutionCancelRequested(reason, "me", "")
        self._happen(EventType.WORKFLOW_EXECUTION_CANCEL_REQUESTED, attributes)

    def complete_activity(self, activity_id: str, result: Any = None) -> None:
        event_id = self._scheduled(activity_id)
        data = self.converter.value_to_bytes(result)
        self._activity_started(event_id)
        self._happen(EventType.ACTIVITY_TASK_COMPLETED, ev.ActivityTaskCompleted(data, event_id, 0, "worker"))

    def fail_activity(self, activity_id: str, message: str = "broken", type: str = "Broken") -> None:
        event_id = self._scheduled(activity_id)
        failure = Failure.of(message, ApplicationInfo(type, True), source="PythonSDK")
        self._activity_started(event_id)
        attributes = ev.ActivityTaskFailed(failure, event_id, 0, "worker", RetryState.NON_RETRYABLE_FAILURE)
        self._happen(EventType.ACTIVITY_TASK_FAILED, attributes)

    def time_out_activity(self, activity_id: str) -> None:
        event_id = self._scheduled(activity_id)
        failure = Failure.of("activity start-to-close timeout", TimeoutInfo(TimeoutType.START_TO_CLOSE))
        attributes = ev.ActivityTaskTimedOut(failure, event_id, 0, RetryState.TIMEOUT)
        self._happen(EventType.ACTIVITY_TASK_TIMED_OUT, attributes)

    def confirm_activity_cancelled(self, activity_id: str) -> None:
        attributes = ev.ActivityTaskCanceled(b"", self._scheduled(activity_id), 0, 0)
        self._happen(EventType.ACTIVITY_TASK_CANCELED, attributes)

    def start_child(self, workflow_id: str, run_id: str = "child-run") -> None:
        event_id = self._initiated(workflow_id)
        attributes = child.ChildWorkflowExecutionStarted("default", workflow_id, run_id, "", event_id)
        self._happen(EventType.CHILD_WORKFLOW_EXECUTION_STARTED, attributes)

    def refuse_child(self, workflow_id: str, cause: str = "WORKFLOW_ALREADY_EXISTS") -> None:
        event_id = self._initiated(workflow_id)
        attributes = child.StartChildWorkflowExecutionFailed(cause, "default", workflow_id, "", event_id, 0)
        self._happen(EventType.START_CHILD_WORKFLOW_EXECUTION_FAILED, attributes)

    def complete_child(self, workflow_id: str, result: Any = None) -> None:
        data = self.converter.value_to_bytes(result)
        self.close_child(workflow_id, child.ChildWorkflowExecutionCompleted(data, *self.child(workflow_id)))

    def close_child(self, workflow_id: str, outcome: Any) -> None:
        """A child closed by an event of its own."""
        self._happen(EventType(ev.EVENTS.kind_of[type(outcome)]), outcome)

    def child(self, workflow_id: str) -> tuple[str, str, str, str, int, int]:
        return ("default", workflow_id, "child-run", "", self._initiated(workflow_id), 0)

    def _initiated(self, workflow_id: str) -> int:
        kind = EventType.START_CHILD_WORKFLOW_EXECUTION_INITIATED
        return next(e.event_id for e in self.events if _is(e, kind) and e.attributes.workflow_id == workflow_id)

    def answer_external(self, workflow_id: str, cause: str = "") -> None:
        """A signal to another workflow, or a request to cancel it, arrived, or could not."""
        kinds = (
            EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
            EventType.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
        )
        event = next(
            e for e in reversed(self.events) if e.event_type in kinds and e.attributes.workflow_id == workflow_id
        )
        who = ("default", workflow_id, event.attributes.run_id, event.event_id)
        attributes: Any
        if event.event_type == kinds[0]:
            attributes = external.ExternalWorkflowExecutionSignaled(*who)
            if cause:
                attributes = external.SignalExternalWorkflowExecutionFailed(cause, *who, 0)
        else:
            attributes = external.ExternalWorkflowExecutionCancelRequested(*who)
            if cause:
                attributes = external.RequestCancelExternalWorkflowExecutionFailed(cause, *who, 0)
        self._happen(EventType(ev.EVENTS.kind_of[type(attributes)]), attributes)

    def fire_timer(self, timer_id: str = "1") -> None:
        started = next(e for e in self.events if _is(e, EventType.TIMER_STARTED) and e.attributes.timer_id == timer_id)
        self.now_us = max(self.now_us, started.time_us + started.attributes.start_to_fire_timeout_ms * 1000)
        self._happen(EventType.TIMER_FIRED, ev.TimerFired(timer_id, started.event_id))

    # Workflow tasks --------------------------------------------------------------------------------------------------
    def task(self, local: Callable[[LocalCall], LocalOutcome | None] | None = None) -> list[cmd.Command]:
        """Run the pending workflow task on the cached instance and write down what came of it. `local` says what comes
        of local activities; None: it runs on, and when all do, another task follows."""
        assert self.is_task_pending, "nothing happened: there is no workflow task"
        scheduled = self.events[-1]
        fresh: Sequence[HistoryEvent] = self.events[self._delivered :]
        if self._delivered:
            fresh = abridged(fresh)
        self.commands = self.instance.activate(
            _over_the_wire(fresh), self.now_us, scheduled.event_id, updates=self.updates
        )
        self.updates = []
        wants_new_task = self._run_local(local)
        is_for_updates_alone, self._is_for_updates_alone = self._is_for_updates_alone, False
        if is_for_updates_alone and not wants_new_task and all(map(_is_rejection, self.commands)):
            self._drop()
            return self.commands
        self._delivered = len(self.events) + 2
        self._complete(scheduled)
        if wants_new_task and not self.is_task_pending:
            self._schedule()
        return self.commands

    def _run_local(self, local: Callable[[LocalCall], LocalOutcome | None] | None) -> bool:
        """Whether local activities are still running."""
        instance = self.instance
        if instance.local_calls is None:
            return False
        assert local is not None, "the workflow calls local activities"
        while (wanted := instance.local_calls) is not None:
            outcome = next(filter(None, map(local, wanted.outstanding.values())), None)
            if outcome is None:
                break
            instance.settle_local(outcome)
        self.commands = instance.take_commands()
        return instance.local_calls is not None

    def fail_task(self) -> None:
        """The worker failed the pending task; the instance is gone."""
        scheduled = self.events[-1]
        started = self._add(EventType.WORKFLOW_TASK_STARTED, ev.WorkflowTaskStarted(scheduled.event_id, "worker"))
        attributes = ev.WorkflowTaskFailed(scheduled.event_id, started, "UNHANDLED", None, "worker")
        self._add(EventType.WORKFLOW_TASK_FAILED, attributes)
        self.instance.close()
        self.instance = self.new_instance()
        self._delivered = 0
        self._schedule()

    def forget(self) -> None:
        """The worker lost its instance; the next task brings the whole history."""
        self.instance.close()
        self.instance = self.new_instance()
        self._delivered = 0

    def replay(self, workflow: Any = None) -> WorkflowInstance:
        """A new instance that has lived through the whole history, of another workflow if one is given."""
        definition = self.definition if workflow is None else WorkflowDefinition.of(workflow)
        assert definition is not None
        instance = WorkflowInstance(definition, self.settings, RunIdentity("wf", RUN_ID))
        instance.replay(_over_the_wire(self.events))
        return instance

    @property
    def result(self) -> Any:
        """What the workflow returned."""
        (last,) = [c for c in self.commands if isinstance(c, cmd.CompleteWorkflowExecution)]
        return self.converter.value_from_bytes(last.result, self.definition.result_type)

    @property
    def failure(self) -> BaseException:
        """What the workflow failed with."""
        (last,) = [c for c in self.commands if isinstance(c, cmd.FailWorkflowExecution)]
        return self.converter.from_failure(last.failure)

    @property
    def is_closed(self) -> bool:
        return any(isinstance(c, CLOSING) for c in self.commands)

    # The history -----------------------------------------------------------------------------------------------------
    def _complete(self, scheduled: HistoryEvent) -> None:
        self.is_task_pending = False
        started = self._add(EventType.WORKFLOW_TASK_STARTED, ev.WorkflowTaskStarted(scheduled.event_id, "worker"))
        completed = ev.WorkflowTaskCompleted(scheduled.event_id, started, "worker", "sticky")
        completed_id = self._add(EventType.WORKFLOW_TASK_COMPLETED, completed)
        for command in self.commands:
            if isinstance(command, ProtocolMessage):
                self._add_message(command, completed_id)
            else:
                self._add(*_event_of(command, completed_id))
        for kind, attributes in self.outside:
            self._add(kind, attributes)
        if self.outside:
            self.outside = []
            self._schedule()

    def _drop(self) -> None:
        """The task never was."""
        self.events.pop()
        self.is_task_pending = False
        completed = max(e.event_id for e in self.events if _is(e, EventType.WORKFLOW_TASK_COMPLETED))
        self.instance.rewind(completed)

    def _add_message(self, message: ProtocolMessage, completed_id: int) -> None:
        if message.delivery is not None:
            update_id, name, data, identity, headers = message.delivery
            accepted = WorkflowExecutionUpdateAccepted(
                update_id, "", completed_id - 2, name, data, identity, headers, completed_id
            )
            self._add(EventType.WORKFLOW_EXECUTION_UPDATE_ACCEPTED, accepted)
        elif not _is_rejection(message):
            completed = WorkflowExecutionUpdateCompleted(
                message.update_id, 0, message.result, message.failure, completed_id
            )
            self._add(EventType.WORKFLOW_EXECUTION_UPDATE_COMPLETED, completed)

    def _happen(self, kind: EventType, attributes: Any) -> None:
        if self.is_task_pending:
            # Before this task started: the engine would buffer it. Here it joins the task, which is as good.
            self.events.pop()
            self._is_for_updates_alone = False
        self._add(kind, attributes)
        self._schedule()

    def happen_meanwhile(self, kind: EventType, attributes: Any) -> None:
        """Something that happens while the pending task is out."""
        self.outside.append((kind, attributes))

    def _schedule(self) -> None:
        self.is_task_pending = True
        self._add(EventType.WORKFLOW_TASK_SCHEDULED, ev.WorkflowTaskScheduled("queue", 10_000, 1))

    def _activity_started(self, event_id: int) -> None:
        if self.is_task_pending:
            self.events.pop()
        self._add(EventType.ACTIVITY_TASK_STARTED, ev.ActivityTaskStarted(event_id, "worker", 1))
        self.is_task_pending = False

    def _scheduled(self, activity_id: str) -> int:
        kind = EventType.ACTIVITY_TASK_SCHEDULED
        return next(e.event_id for e in self.events if _is(e, kind) and e.attributes.activity_id == activity_id)

    def _add(self, kind: EventType, attributes: Any) -> int:
        event_id = len(self.events) + 1
        self.events.append(HistoryEvent(event_id, self.now_us, int(kind), attributes))
        return event_id


CLOSING = (
    cmd.CompleteWorkflowExecution,
    cmd.FailWorkflowExecution,
    cmd.CancelWorkflowExecution,
    cmd.ContinueAsNewWorkflowExecution,
)


def _is(event: HistoryEvent, kind: EventType) -> bool:
    return event.event_type == kind


def _is_rejection(command: cmd.Command) -> bool:
    return isinstance(command, ProtocolMessage) and command.kind == UpdateMessageKind.REJECTION


def _over_the_wire(events: Sequence[HistoryEvent]) -> list[HistoryEvent]:
    return decode_records(encode_records(events))


def _event_of(command: cmd.Command, completed_id: int) -> tuple[EventType, Any]:
    match command:
        case cmd.ScheduleActivityTask():
            policy = command.retry_policy or RetryPolicyData()
            values = command._asdict() | {"retry_policy": policy, "workflow_task_completed_event_id": completed_id}
            return EventType.ACTIVITY_TASK_SCHEDULED, ev.ActivityTaskScheduled(**values)
        case cmd.RequestCancelActivityTask():
            attributes = ev.ActivityTaskCancelRequested(command.scheduled_event_id, completed_id)
            return EventType.ACTIVITY_TASK_CANCEL_REQUESTED, attributes
        case cmd.StartTimer():
            started = ev.TimerStarted(command.timer_id, command.start_to_fire_timeout_ms, completed_id)
            return EventType.TIMER_STARTED, started
        case cmd.CancelTimer():
            return EventType.TIMER_CANCELED, ev.TimerCanceled(command.timer_id, 0, completed_id)
        case cmd.RecordMarker():
            fields = command._asdict() | {"workflow_task_completed_event_id": completed_id}
            return EventType.MARKER_RECORDED, ev.MarkerRecorded(**fields)
        case cmd.UpsertSearchAttributes():
            upserted = ev.UpsertWorkflowSearchAttributes(completed_id, command.search_attributes)
            return EventType.UPSERT_WORKFLOW_SEARCH_ATTRIBUTES, upserted
        case cmd.ModifyWorkflowProperties():
            modified = ev.WorkflowPropertiesModified(completed_id, command.upserted_memo)
            return EventType.WORKFLOW_PROPERTIES_MODIFIED, modified
        case external.SignalExternalWorkflowExecution():
            target = (completed_id, "default", command.workflow_id, command.run_id)
            sent = external.SignalExternalWorkflowExecutionInitiated(
                *target, command.signal_name, command.input, command.headers, command.child_initiated_event_id
            )
            return EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED, sent
        case external.RequestCancelExternalWorkflowExecution():
            target = (completed_id, "default", command.workflow_id, command.run_id)
            asked = external.RequestCancelExternalWorkflowExecutionInitiated(
                *target, command.reason, command.child_initiated_event_id
            )
            return EventType.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED, asked
        case child.StartChildWorkflowExecution():
            initiated = child.StartChildWorkflowExecutionInitiated(completed_id, *command)
            return EventType.START_CHILD_WORKFLOW_EXECUTION_INITIATED, initiated
        case cmd.CompleteWorkflowExecution():
            completed = ev.WorkflowExecutionCompleted(command.result, completed_id)
            return EventType.WORKFLOW_EXECUTION_COMPLETED, completed
        case cmd.FailWorkflowExecution():
            failed = ev.WorkflowExecutionFailed(command.failure, 0, completed_id)
            return EventType.WORKFLOW_EXECUTION_FAILED, failed
        case cmd.ContinueAsNewWorkflowExecution():
            continued = ev.WorkflowExecutionContinuedAsNew("next", "", "", command.input, 0, 0, completed_id)
            return EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW, continued
        case cmd.CancelWorkflowExecution():
            canceled = ev.WorkflowExecutionCanceled(command.details, completed_id)
            return EventType.WORKFLOW_EXECUTION_CANCELED, canceled
