"""Commands: what a completed workflow task asks for, checked as a whole before any of it is carried out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from perdure.protocol.child_workflow import StartChildWorkflowExecution
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
from perdure.protocol.external_workflow import (
    RequestCancelExternalWorkflowExecution,
    SignalExternalWorkflowExecution,
)
from perdure.protocol.updates import ProtocolMessage
from perdure_engine.core import (
    activity,
    child,
    external,
    marker,
    properties,
    succession,
    timer,
    update,
    workflow_execution,
)
from perdure_engine.core.ledger import flush
from perdure_engine.core.limits import EXTERNAL_PENDING_MAX, PENDING_MAX, size_problem
from perdure_engine.core.state import BufferedEvent, Bug, MutableState
from perdure_engine.core.transition import Transition

UNHANDLED_COMMAND = "UNHANDLED_COMMAND"
BAD_COMMAND = "BAD_COMMAND"

_CLOSING = (
    CompleteWorkflowExecution,
    FailWorkflowExecution,
    CancelWorkflowExecution,
    ContinueAsNewWorkflowExecution,
)


class CommandProblem(NamedTuple):
    """Why a completion is refused: its workflow task fails with this cause and message."""

    cause: str
    message: str


def command_problem(state: MutableState, commands: Sequence[Command]) -> CommandProblem | None:
    """What is wrong with the commands of one completion, or None."""
    pending = _Pending(state)
    last = len(commands) - 1
    for index, command in enumerate(commands):
        if isinstance(command, _CLOSING):
            if index != last:
                return CommandProblem(BAD_COMMAND, f"{type(command).__name__} must be the last command")
            if state.buffered:
                return CommandProblem(
                    UNHANDLED_COMMAND,
                    "the workflow closed while new events were waiting for it; it will see them and decide again",
                )
            message = _closing_problem(state, command)
        else:
            message = pending.problem(command)
        if message is not None:
            return CommandProblem(BAD_COMMAND, message)
    return None


class _Pending:
    """What would be pending after the commands that were checked so far."""

    __slots__ = (
        "activity_ids",
        "children",
        "external_cancels",
        "external_signals",
        "properties",
        "state",
        "timers",
        "updates",
    )

    def __init__(self, state: MutableState) -> None:
        self.state = state
        self.activity_ids: dict[str, int] = {}
        self.timers: dict[str, bool] = {}
        self.properties: properties.Pending | None = None
        self.children = 0
        self.external_signals = 0
        self.external_cancels: int | None = None
        self.updates: dict[str, int] = {}

    def problem(self, command: Command) -> str | None:
        """What is wrong with one command that does not close the run, after those before it."""
        if isinstance(command, ScheduleActivityTask):
            return self._schedule_problem(command)
        if isinstance(command, StartTimer):
            return self._start_timer_problem(command)
        if isinstance(command, CancelTimer):
            if not self._is_timer(command.timer_id):
                return f"there is no pending timer with the id {command.timer_id!r}"
            self.timers[command.timer_id] = False
        elif isinstance(command, RequestCancelActivityTask):
            if not 0 < command.scheduled_event_id < self.state.next_event_id:
                return f"there is no activity scheduled by event {command.scheduled_event_id}"
        elif isinstance(command, RecordMarker):
            return marker.record_problem(command)
        elif isinstance(command, UpsertSearchAttributes | ModifyWorkflowProperties):
            self.properties = self.properties or properties.Pending(self.state)
            return self.properties.problem(command)
        elif isinstance(command, StartChildWorkflowExecution):
            return self._start_child_problem(command)
        elif isinstance(command, SignalExternalWorkflowExecution):
            return self._signal_external_problem(command)
        elif isinstance(command, RequestCancelExternalWorkflowExecution):
            return self._cancel_external_problem(command)
        elif isinstance(command, ProtocolMessage):
            return update.message_problem(self.state, command, self.updates)
        else:
            raise Bug(f"run {self.state.run_id}: unknown command {type(command).__name__}")
        return None

    def _schedule_problem(self, command: ScheduleActivityTask) -> str | None:
        if command.activity_id in self.activity_ids:
            return f"two activities of one task have the id {command.activity_id!r}"
        self.activity_ids[command.activity_id] = 1
        count = len(self.state.activities) + len(self.activity_ids)
        if count > PENDING_MAX:
            return (
                f"more than {PENDING_MAX} activities would be pending, which is the limit of one run: "
                "wait for some of them before scheduling more"
            )
        return activity.schedule_problem(self.state, command)

    def _start_child_problem(self, command: StartChildWorkflowExecution) -> str | None:
        self.children += 1
        if len(self.state.children) + self.children > PENDING_MAX:
            return (
                f"more than {PENDING_MAX} child workflows would be pending, which is the limit of one run: "
                "wait for some of them before starting more"
            )
        return child.start_problem(command)

    def _signal_external_problem(self, command: SignalExternalWorkflowExecution) -> str | None:
        self.external_signals += 1
        if len(self.state.external_signals) + self.external_signals > EXTERNAL_PENDING_MAX:
            return (
                f"more than {EXTERNAL_PENDING_MAX} signals to other workflows would be pending, which is the limit of "
                "one run: wait for some of them before sending more"
            )
        return external.signal_problem(command)

    def _cancel_external_problem(self, command: RequestCancelExternalWorkflowExecution) -> str | None:
        """Children are not counted here: they have a limit of their own."""
        if not command.child_initiated_event_id:
            if self.external_cancels is None:
                pending = self.state.external_cancels.values()
                self.external_cancels = sum(not item.child_initiated_event_id for item in pending)
            self.external_cancels += 1
            if self.external_cancels > EXTERNAL_PENDING_MAX:
                return (
                    f"more than {EXTERNAL_PENDING_MAX} requests to cancel other workflows would be pending, which is "
                    "the limit of one run: wait for some of them before sending more"
                )
        return external.cancel_problem(command)

    def _is_timer(self, timer_id: str) -> bool:
        known = self.timers.get(timer_id)
        return timer_id in self.state.timers if known is None else known

    def _start_timer_problem(self, command: StartTimer) -> str | None:
        if self._is_timer(command.timer_id):
            return f"a timer with the id {command.timer_id!r} is pending already"
        self.timers[command.timer_id] = True
        if len(self.state.timers) + len(self.timers) > PENDING_MAX:
            pending = [timer_id for timer_id in {**self.state.timers, **self.timers} if self._is_timer(timer_id)]
            if len(pending) > PENDING_MAX:
                return (
                    f"more than {PENDING_MAX} timers would be pending, which is the limit of one run: "
                    "wait for some of them before starting more"
                )
        return timer.start_problem(command)


def _closing_problem(state: MutableState, command: workflow_execution.ClosingCommand) -> str | None:
    if isinstance(command, CompleteWorkflowExecution):
        return size_problem("the workflow's result", command.result)
    if isinstance(command, CancelWorkflowExecution):
        return size_problem("the details of the workflow's cancellation", command.details)
    if isinstance(command, ContinueAsNewWorkflowExecution):
        return succession.continue_problem(state, command)
    return None


def carry_out(
    state: MutableState,
    command: Command,
    completed_event_id: int,
    now_us: int,
    transition: Transition,
    held: list[BufferedEvent],
) -> list[BufferedEvent]:
    """Carry out one checked command. Returns what is to be flushed after the commands: the events that were buffered,
    less what a command undid, and with what a command settled at once."""
    if isinstance(command, ScheduleActivityTask):
        activity.schedule(state, command, completed_event_id, now_us, transition)
    elif isinstance(command, StartTimer):
        timer.start(state, command, completed_event_id, now_us, transition)
    elif isinstance(command, CancelTimer):
        return timer.cancel(state, command, completed_event_id, now_us, transition, held)
    elif isinstance(command, RequestCancelActivityTask):
        return activity.request_cancel(state, command, completed_event_id, now_us, transition, held)
    elif isinstance(command, RecordMarker):
        marker.record(state, command, completed_event_id, now_us, transition)
    elif isinstance(command, UpsertSearchAttributes | ModifyWorkflowProperties):
        properties.modify(state, command, completed_event_id, now_us, transition)
    elif isinstance(command, StartChildWorkflowExecution):
        child.initiate(state, command, completed_event_id, now_us, transition)
    elif isinstance(command, SignalExternalWorkflowExecution):
        return external.signal(state, command, completed_event_id, now_us, transition, held)
    elif isinstance(command, RequestCancelExternalWorkflowExecution):
        return external.request_cancel(state, command, completed_event_id, now_us, transition, held)
    elif isinstance(command, ProtocolMessage):
        update.carry_out(state, command, completed_event_id, now_us, transition)
    else:
        # Only what commands before this one settled can be held here: it did happen before the close.
        flush(state, transition, held)
        workflow_execution.close_by_command(state, command, completed_event_id, now_us, transition)
        return []
    return held
