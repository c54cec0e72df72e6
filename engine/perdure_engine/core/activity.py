"""The activity machine: scheduled by a command, run by a worker that reports on it, cancelled or abandoned.

What becomes of its attempts is in `attempt.py`, when they run out of time in `deadline.py` and `activity_timeout.py`.
"""

from __future__ import annotations

import functools

from perdure.protocol.commands import RequestCancelActivityTask, ScheduleActivityTask
from perdure.protocol.events import (
    ActivityAttemptStarted,
    ActivityTaskCanceled,
    ActivityTaskCancelRequested,
    ActivityTaskCompleted,
    ActivityTaskScheduled,
)
from perdure.protocol.fairness import Fairness, fairness_problem
from perdure.protocol.ids import text_problem
from perdure.protocol.replies import ActivityDirective, CancelActivity, ErrorCode
from perdure.protocol.requests import (
    RecordActivityTaskHeartbeat,
    RecordActivityTaskStarted,
    ReportTaskLost,
    RespondActivityTaskCanceled,
    RespondActivityTaskCompleted,
    RespondActivityTaskFailed,
)
from perdure.protocol.retry import DEFAULT_RETRY_POLICY, RetryPolicyData
from perdure.protocol.tasks import TaskKind
from perdure_engine.core import activity_report, attempt, deadline
from perdure_engine.core.activity_report import NOT_WANTED, directive, failure_of, loss_of
from perdure_engine.core.attempt import current, encode_activity_task
from perdure_engine.core.ledger import annotate, emit, held_event
from perdure_engine.core.limits import (
    duration_problem,
    priority_problem,
    retry_policy_problem,
    size_problem,
    summary_problem,
)
from perdure_engine.core.state import ActivityPhase, ActivityState, BufferedEvent, MutableState
from perdure_engine.core.transition import KeepWorker, Push, Retire, Transition

__all__ = [
    "abandon",
    "complete",
    "encode_activity_task",
    "end",
    "heartbeat",
    "lose",
    "report_started",
    "request_cancel",
    "schedule",
    "schedule_problem",
]


# From the workflow --------------------------------------------------------------------------------------------------


def schedule_problem(state: MutableState, command: ScheduleActivityTask) -> str | None:
    """What is wrong with the command, or None."""
    problem = text_problem("activity id", command.activity_id) or text_problem("activity type", command.activity_type)
    if problem is not None:
        return problem
    if command.activity_id in state.activity_ids:
        problem = f"an activity with the id {command.activity_id!r} is pending already"
    else:
        problem = (
            _options_problem(
                command.task_queue,
                command.schedule_to_close_timeout_ms,
                command.schedule_to_start_timeout_ms,
                command.start_to_close_timeout_ms,
                command.heartbeat_timeout_ms,
                command.retry_policy,
                command.priority,
                command.fairness,
            )
            or size_problem("its input", command.input)
            or size_problem("its headers", command.headers)
            or summary_problem("its summary", command.summary)
        )
    return f"activity {command.activity_type!r}: {problem}" if problem else None


@functools.lru_cache(maxsize=1024)
def _options_problem(
    task_queue: str,
    schedule_to_close_timeout_ms: int,
    schedule_to_start_timeout_ms: int,
    start_to_close_timeout_ms: int,
    heartbeat_timeout_ms: int,
    retry_policy: RetryPolicyData | None,
    priority: int,
    fairness: Fairness | None,
) -> str | None:
    """What is wrong with the options of an activity. Remembered: thousands of activities have the same ones."""
    if not start_to_close_timeout_ms and not schedule_to_close_timeout_ms:
        return "give it a start_to_close_timeout or a schedule_to_close_timeout"
    return (
        priority_problem(priority)
        or fairness_problem(fairness)
        or (text_problem("its task queue", task_queue) if task_queue else None)
        or duration_problem("its schedule-to-close timeout", schedule_to_close_timeout_ms)
        or duration_problem("its schedule-to-start timeout", schedule_to_start_timeout_ms)
        or duration_problem("its start-to-close timeout", start_to_close_timeout_ms)
        or duration_problem("its heartbeat timeout", heartbeat_timeout_ms)
        or (None if retry_policy is None else retry_policy_problem(retry_policy))
    )


def schedule(
    state: MutableState, command: ScheduleActivityTask, completed_event_id: int, now_us: int, transition: Transition
) -> None:
    attributes = ActivityTaskScheduled(
        command.activity_id,
        command.activity_type,
        command.task_queue or state.task_queue,
        command.input,
        command.schedule_to_close_timeout_ms,
        command.schedule_to_start_timeout_ms,
        command.start_to_close_timeout_ms,
        command.heartbeat_timeout_ms,
        command.retry_policy or DEFAULT_RETRY_POLICY,
        completed_event_id,
        command.headers,
        command.priority,
        command.summary,
        command.fairness,
    )
    event_id = emit(state, transition, now_us, attributes)
    activity = state.activities[event_id]
    deadline.watch_scheduled(activity, transition)
    attempt.dispatch(state, activity, transition)


def request_cancel(
    state: MutableState,
    command: RequestCancelActivityTask,
    completed_event_id: int,
    now_us: int,
    transition: Transition,
    held: list[BufferedEvent],
) -> list[BufferedEvent]:
    """The workflow wants the activity to stop: a waiting attempt is cancelled at once, a running one is told.

    Returns what is held for the flush after the commands, with the outcome of an activity that could be cancelled here.
    """
    activity = state.activities.get(command.scheduled_event_id)
    if activity is None or activity.cancel_requested_event_id:
        return held
    attributes = ActivityTaskCancelRequested(command.scheduled_event_id, completed_event_id)
    event_id = emit(state, transition, now_us, attributes)
    if activity.phase == ActivityPhase.RESOLVED:
        return held
    if deadline.is_waiting(activity, now_us):
        deadline.clear_all(activity, now_us, transition)
        outcome = ActivityTaskCanceled(b"", command.scheduled_event_id, 0, event_id)
        return [*held, BufferedEvent(now_us, held_event(outcome))]
    if activity.worker:
        message = CancelActivity(state.run_id, command.scheduled_event_id, activity.attempt)
        transition.effects.append(Push(activity.worker, message))
    return held


def abandon(state: MutableState, activity: ActivityState, now_us: int, transition: Transition) -> None:
    """The run closes: nothing of the activity stays behind, and its worker is told. The activity is not settled: what
    waited in the buffer was flushed before."""
    if not deadline.is_waiting(activity, now_us):
        transition.effects.append(Retire(TaskKind.ACTIVITY, activity.scheduled_event_id))
    deadline.clear_all(activity, now_us, transition)
    if activity.worker:
        message = CancelActivity(state.run_id, activity.scheduled_event_id, activity.attempt, False)
        transition.effects.append(Push(activity.worker, message))


# From the worker ----------------------------------------------------------------------------------------------------


def refuse_stale(state: MutableState, transition: Transition, scheduled_event_id: int, attempt_no: int) -> None:
    transition.refuse(
        ErrorCode.NOT_FOUND,
        f"attempt {attempt_no} of activity {scheduled_event_id} of run {state.run_id} is no longer pending; "
        "its result is dropped",
    )


def report_started(
    state: MutableState, request: RecordActivityTaskStarted, now_us: int, transition: Transition
) -> None:
    """The attempt is running: from now on its start-to-close and heartbeat timeouts are watched here too."""
    activity = current(state, request.scheduled_event_id, request.attempt, now_us)
    if activity is None:
        transition.answer(NOT_WANTED)
        return
    canceled = activity.phase == ActivityPhase.CANCEL_REQUESTED
    if activity.reported_time_us:
        is_same = attempt.is_reported_by(activity, request.identity, request.started_time_us)
        transition.answer(directive(activity) if is_same else ActivityDirective(False, canceled))
        return
    started_us = attempt.started_time_us(activity, request.started_time_us, now_us)
    said_us = request.started_time_us
    report = ActivityAttemptStarted(request.scheduled_event_id, request.attempt, request.identity, started_us, said_us)
    annotate(state, transition, now_us, report)
    transition.effects.append(KeepWorker(request.scheduled_event_id, request.attempt, request.identity))
    deadline.watch_started(activity, now_us, transition)
    transition.answer(directive(activity))


def heartbeat(state: MutableState, request: RecordActivityTaskHeartbeat, now_us: int, transition: Transition) -> None:
    """The attempt shows life."""
    activity = current(state, request.scheduled_event_id, request.attempt, now_us)
    if activity is None:
        transition.answer(NOT_WANTED)
    else:
        activity_report.heartbeat(activity, request, now_us, transition)


def end(
    state: MutableState,
    request: RespondActivityTaskCompleted | RespondActivityTaskFailed | RespondActivityTaskCanceled,
    now_us: int,
    transition: Transition,
) -> None:
    """The attempt ended, well or not."""
    activity = current(state, request.scheduled_event_id, request.attempt, now_us)
    if activity is None:
        refuse_stale(state, transition, request.scheduled_event_id, request.attempt)
        return
    transition.answer()
    started_us = attempt.started_time_us(activity, request.started_time_us, now_us)
    failure = failure_of(activity, request)
    if failure is not None:
        attempt.fail(state, activity, failure, request.identity, started_us, now_us, transition)
    elif isinstance(request, RespondActivityTaskCompleted):
        complete(state, activity, request.result, request.identity, started_us, now_us, transition)


def complete(
    state: MutableState,
    activity: ActivityState,
    result: bytes,
    identity: str,
    started_us: int,
    now_us: int,
    transition: Transition,
) -> None:
    started_event_id = attempt.started_event_id(state)
    outcome = ActivityTaskCompleted(result, activity.scheduled_event_id, started_event_id, identity)
    attempt.resolve(state, activity, outcome, identity, started_us, now_us, transition)


def lose(state: MutableState, request: ReportTaskLost, now_us: int, transition: Transition) -> None:
    """The worker that held the attempt is gone: the next attempt starts at once, if there may be one."""
    transition.answer()
    activity = current(state, request.scheduled_event_id, request.attempt, now_us)
    failure = None if activity is None else loss_of(activity, request)
    if activity is None or failure is None:
        return
    started_us = attempt.started_time_us(activity, 0, now_us)
    attempt.fail(state, activity, failure, request.worker, started_us, now_us, transition, at_once=True)
