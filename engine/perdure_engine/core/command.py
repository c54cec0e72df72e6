"""Commands: what a completed workflow task asks for, checked as a whole before any of it is carried out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from perdure.protocol.commands import (
    CancelTimer,
    CancelWorkflowExecution,
    Command,
    CompleteWorkflowExecution,
    FailWorkflowExecution,
    RequestCancelActivityTask,
    ScheduleActivityTask,
    StartTimer,
)
from perdure.protocol.events import TimerFired
from perdure.protocol.payload import PAYLOAD_SIZE_MAX
from perdure_engine.core import activity, timer, workflow_execution
from perdure_engine.core.state import BufferedEvent, MutableState
from perdure_engine.core.transition import Transition

PENDING_MAX = 20_000
"""Pending activities of one run, and pending timers."""

UNHANDLED_COMMAND = "UNHANDLED_COMMAND"
BAD_COMMAND = "BAD_COMMAND"

_CLOSING = (CompleteWorkflowExecution, FailWorkflowExecution, CancelWorkflowExecution)


class CommandProblem(NamedTuple):
    """Why a completion is refused: its workflow task fails with this cause and message."""

    cause: str
    message: str


def command_problem(state: MutableState, commands: Sequence[Command]) -> CommandProblem | None:
    """What is wrong with the commands of one completion, or None."""
    activity_ids: dict[str, int] = {}
    timer_ids: dict[str, int] = {}
    for index, command in enumerate(commands):
        if isinstance(command, ScheduleActivityTask):
            message = activity.schedule_problem(state, command)
            if message is None and command.activity_id in activity_ids:
                message = f"two activities of one task have the id {command.activity_id!r}"
            activity_ids[command.activity_id] = 1
        elif isinstance(command, StartTimer):
            message = None
            if command.timer_id in timer_ids or command.timer_id in state.timers:
                message = f"a timer with the id {command.timer_id!r} is pending already"
            elif command.start_to_fire_timeout_ms < 0:
                message = f"timer {command.timer_id!r} has a negative duration"
            timer_ids[command.timer_id] = 1
        elif isinstance(command, CancelTimer):
            known = command.timer_id in state.timers or command.timer_id in timer_ids
            message = None if known else f"there is no pending timer with the id {command.timer_id!r}"
        elif isinstance(command, RequestCancelActivityTask):
            known = command.scheduled_event_id < state.next_event_id
            message = None if known else f"there is no activity scheduled by event {command.scheduled_event_id}"
        else:
            if index != len(commands) - 1:
                message = f"{type(command).__name__} must be the last command"
            elif state.buffered:
                return CommandProblem(
                    UNHANDLED_COMMAND,
                    "the workflow closed while new events were waiting for it; it will see them and decide again",
                )
            else:
                message = _size_problem(command)
        if message is not None:
            return CommandProblem(BAD_COMMAND, message)
    if len(state.activities) + len(activity_ids) > PENDING_MAX:
        return CommandProblem(
            BAD_COMMAND,
            f"{len(state.activities) + len(activity_ids)} activities would be pending; the limit is {PENDING_MAX}: "
            "wait for some of them before scheduling more",
        )
    if len(state.timers) + len(timer_ids) > PENDING_MAX:
        return CommandProblem(
            BAD_COMMAND, f"{len(state.timers) + len(timer_ids)} timers would be pending; the limit is {PENDING_MAX}"
        )
    return None


def _size_problem(command: Command) -> str | None:
    if isinstance(command, CompleteWorkflowExecution) and len(command.result) > PAYLOAD_SIZE_MAX:
        return f"the workflow's result has {len(command.result)} bytes; the limit is {PAYLOAD_SIZE_MAX}"
    return None


def carry_out(
    state: MutableState,
    command: Command,
    completed_event_id: int,
    now_us: int,
    transition: Transition,
    held: list[BufferedEvent],
) -> list[BufferedEvent]:
    """Carry out one checked command. Returns what is still held of the events that were buffered: a timer that is
    cancelled takes its buffered firing along."""
    if isinstance(command, ScheduleActivityTask):
        activity.schedule(state, command, completed_event_id, now_us, transition)
    elif isinstance(command, StartTimer):
        timer.start(state, command, completed_event_id, now_us, transition)
    elif isinstance(command, CancelTimer):
        timer.cancel(state, command, completed_event_id, now_us, transition)
        return [item for item in held if not _is_firing(item, command.timer_id)]
    elif isinstance(command, RequestCancelActivityTask):
        held = activity.request_cancel(state, command, completed_event_id, now_us, transition, held)
    elif isinstance(command, CompleteWorkflowExecution):
        workflow_execution.complete(state, command, completed_event_id, now_us, transition)
    elif isinstance(command, FailWorkflowExecution):
        workflow_execution.fail(state, command, completed_event_id, now_us, transition)
    else:
        workflow_execution.cancel(state, command, completed_event_id, now_us, transition)
    return held


def _is_firing(item: BufferedEvent, timer_id: str) -> bool:
    attributes = item.event.attributes
    return isinstance(attributes, TimerFired) and attributes.timer_id == timer_id
