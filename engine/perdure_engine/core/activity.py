"""The activity machine: scheduled, tried until it succeeds or may not be tried again, then one outcome.

An attempt is accepted once: a completion counts only if its attempt is the pending one, so a worker that was given up
for lost cannot harm. Failed attempts are annotations; the outcome is two events, Started and what closed it.
"""

from __future__ import annotations

from perdure.protocol.commands import RequestCancelActivityTask, ScheduleActivityTask
from perdure.protocol.events import (
    ActivityAttemptFailed,
    ActivityAttemptStarted,
    ActivityTaskCanceled,
    ActivityTaskCancelRequested,
    ActivityTaskCompleted,
    ActivityTaskFailed,
    ActivityTaskScheduled,
    ActivityTaskStarted,
    ActivityTaskTimedOut,
    EventBuffered,
    EventType,
)
from perdure.protocol.failure import (
    ApplicationInfo,
    CanceledInfo,
    Failure,
    RetryState,
    ServerInfo,
    TimeoutInfo,
    TimeoutType,
)
from perdure.protocol.ids import text_problem
from perdure.protocol.payload import PAYLOAD_SIZE_MAX
from perdure.protocol.replies import ActivityDirective, CancelActivity, ErrorCode
from perdure.protocol.requests import (
    RecordActivityTaskHeartbeat,
    RecordActivityTaskStarted,
    ReportTaskLost,
    RespondActivityTaskCanceled,
    RespondActivityTaskCompleted,
    RespondActivityTaskFailed,
)
from perdure.protocol.retry import DEFAULT_RETRY_POLICY
from perdure.protocol.tasks import INLINE_SIZE_MAX, ActivityTask, TaskKind, encode_task
from perdure_engine.core import workflow_task
from perdure_engine.core.ledger import annotate, emit, happen
from perdure_engine.core.state import ActivityPhase, ActivityState, BufferedEvent, MutableState
from perdure_engine.core.transition import (
    ClearTimer,
    Dispatch,
    KeepHeartbeat,
    Push,
    Retire,
    SetTimer,
    TimerKind,
    Transition,
)

Outcome = ActivityTaskCompleted | ActivityTaskFailed | ActivityTaskTimedOut | ActivityTaskCanceled

_OUTCOME_TYPE: dict[type[Outcome], EventType] = {
    ActivityTaskCompleted: EventType.ACTIVITY_TASK_COMPLETED,
    ActivityTaskFailed: EventType.ACTIVITY_TASK_FAILED,
    ActivityTaskTimedOut: EventType.ACTIVITY_TASK_TIMED_OUT,
    ActivityTaskCanceled: EventType.ACTIVITY_TASK_CANCELED,
}


def schedule_problem(state: MutableState, command: ScheduleActivityTask) -> str | None:
    """What is wrong with the command, or None."""
    for name, value in (("activity id", command.activity_id), ("activity type", command.activity_type)):
        problem = text_problem(name, value)
        if problem is not None:
            return problem
    label = f"activity {command.activity_type!r}"
    if command.activity_id in state.activity_ids:
        return f"{label}: an activity with the id {command.activity_id!r} is pending already"
    if not command.start_to_close_timeout_ms and not command.schedule_to_close_timeout_ms:
        return f"{label}: give it a start_to_close_timeout or a schedule_to_close_timeout"
    if len(command.input) > PAYLOAD_SIZE_MAX:
        return f"{label}: its input has {len(command.input)} bytes; the limit is {PAYLOAD_SIZE_MAX}"
    policy = command.retry_policy
    if policy is not None and (policy.initial_interval_ms < 0 or policy.backoff_coefficient < 1):
        return f"{label}: its retry policy needs an initial interval of at least 0 and a coefficient of at least 1"
    return None


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
    )
    event_id = emit(state, transition, now_us, EventType.ACTIVITY_TASK_SCHEDULED, attributes)
    activity = state.activities[event_id]
    if command.schedule_to_close_timeout_ms:
        fire_at_us = _schedule_to_close_at_us(activity)
        transition.effects.append(SetTimer(fire_at_us, TimerKind.ACTIVITY_SCHEDULE_TO_CLOSE, event_id))
    _dispatch(state, activity, now_us, transition)


def _schedule_to_close_at_us(activity: ActivityState) -> int:
    return activity.scheduled_time_us + activity.attributes.schedule_to_close_timeout_ms * 1000


def _schedule_to_start_at_us(activity: ActivityState) -> int:
    return activity.attempt_scheduled_time_us + activity.attributes.schedule_to_start_timeout_ms * 1000


def _start_to_close_at_us(activity: ActivityState) -> int:
    return activity.reported_time_us + activity.attributes.start_to_close_timeout_ms * 1000


def _dispatch(state: MutableState, activity: ActivityState, now_us: int, transition: Transition) -> None:
    attributes = activity.attributes
    event_id = activity.scheduled_event_id
    if attributes.schedule_to_start_timeout_ms:
        timer = SetTimer(
            _schedule_to_start_at_us(activity), TimerKind.ACTIVITY_SCHEDULE_TO_START, event_id, activity.attempt
        )
        transition.effects.append(timer)
    data = encode_activity_task(state, activity, inline=len(attributes.input) <= INLINE_SIZE_MAX)
    transition.effects.append(
        Dispatch(TaskKind.ACTIVITY, event_id, activity.attempt, attributes.task_queue, attributes.priority, data)
    )


def encode_activity_task(state: MutableState, activity: ActivityState, *, inline: bool) -> bytes:
    """The stream entry of the pending attempt; without `inline`, its input is left out."""
    attributes = activity.attributes
    return encode_task(
        ActivityTask(
            state.namespace,
            state.workflow_id,
            state.run_id,
            state.started.workflow_type,
            state.shard_id,
            activity.scheduled_event_id,
            activity.attempt,
            attributes.activity_id,
            attributes.activity_type,
            attributes.input if inline else b"",
            inline,
            attributes.headers,
            activity.heartbeat_details,
            activity.scheduled_time_us,
            activity.attempt_scheduled_time_us,
            attributes.schedule_to_close_timeout_ms,
            attributes.start_to_close_timeout_ms,
            attributes.heartbeat_timeout_ms,
            attributes.retry_policy.maximum_attempts == 1,
            attributes.task_queue,
        )
    )


def _current(state: MutableState, scheduled_event_id: int, attempt: int) -> ActivityState | None:
    activity = state.activities.get(scheduled_event_id)
    if activity is None or activity.attempt != attempt or activity.phase == ActivityPhase.RESOLVED:
        return None
    return activity


def _refuse_stale(state: MutableState, transition: Transition, scheduled_event_id: int, attempt: int) -> None:
    transition.refuse(
        ErrorCode.NOT_FOUND,
        f"attempt {attempt} of activity {scheduled_event_id} of run {state.run_id} is no longer pending; "
        "its result is dropped",
    )


# From the worker ----------------------------------------------------------------------------------------------------


def report_started(
    state: MutableState, request: RecordActivityTaskStarted, now_us: int, transition: Transition
) -> None:
    """The attempt is running: from now on its start-to-close and heartbeat timeouts are watched here too."""
    activity = _current(state, request.scheduled_event_id, request.attempt)
    if activity is None:
        transition.answer(ActivityDirective(False, False))
        return
    canceled = activity.phase == ActivityPhase.CANCEL_REQUESTED
    if activity.reported_time_us:
        transition.answer(ActivityDirective(activity.worker == request.identity, canceled))
        return
    _clear_schedule_to_start(activity, transition)
    report = ActivityAttemptStarted(
        request.scheduled_event_id, request.attempt, request.identity, request.started_time_us
    )
    annotate(state, transition, now_us, EventType.ACTIVITY_ATTEMPT_STARTED, report)
    event_id, attempt, attributes = activity.scheduled_event_id, activity.attempt, activity.attributes
    if attributes.start_to_close_timeout_ms:
        timer = SetTimer(_start_to_close_at_us(activity), TimerKind.ACTIVITY_START_TO_CLOSE, event_id, attempt)
        transition.effects.append(timer)
    if attributes.heartbeat_timeout_ms:
        timer = SetTimer(activity.heartbeat_check_us, TimerKind.ACTIVITY_HEARTBEAT, event_id, attempt)
        transition.effects.append(timer)
    transition.answer(ActivityDirective(True, canceled))


def heartbeat(state: MutableState, request: RecordActivityTaskHeartbeat, now_us: int, transition: Transition) -> None:
    activity = _current(state, request.scheduled_event_id, request.attempt)
    if activity is None:
        transition.answer(ActivityDirective(False, False))
        return
    activity.heartbeat_details = request.details
    activity.heartbeat_time_us = now_us
    transition.effects.append(KeepHeartbeat(activity.scheduled_event_id, request.details))
    transition.answer(ActivityDirective(True, activity.phase == ActivityPhase.CANCEL_REQUESTED))


def complete(state: MutableState, request: RespondActivityTaskCompleted, now_us: int, transition: Transition) -> None:
    activity = _current(state, request.scheduled_event_id, request.attempt)
    if activity is None:
        _refuse_stale(state, transition, request.scheduled_event_id, request.attempt)
        return
    transition.answer()
    if len(request.result) > PAYLOAD_SIZE_MAX:
        failure = Failure.of(
            f"the result of activity {activity.attributes.activity_type!r} has {len(request.result)} bytes; the limit "
            f"is {PAYLOAD_SIZE_MAX}: store the data elsewhere and return a reference",
            ApplicationInfo("PayloadTooLarge", True),
        )
        _fail_attempt(state, activity, failure, request.identity, now_us, transition)
        return
    outcome = ActivityTaskCompleted(request.result, activity.scheduled_event_id, 0, request.identity)
    _resolve(state, activity, outcome, request.identity, request.started_time_us, now_us, transition)


def fail(state: MutableState, request: RespondActivityTaskFailed, now_us: int, transition: Transition) -> None:
    activity = _current(state, request.scheduled_event_id, request.attempt)
    if activity is None:
        _refuse_stale(state, transition, request.scheduled_event_id, request.attempt)
        return
    transition.answer()
    if request.heartbeat_details:
        activity.heartbeat_details = request.heartbeat_details
    _fail_attempt(state, activity, request.failure, request.identity, now_us, transition)


def report_canceled(
    state: MutableState, request: RespondActivityTaskCanceled, now_us: int, transition: Transition
) -> None:
    activity = _current(state, request.scheduled_event_id, request.attempt)
    if activity is None:
        _refuse_stale(state, transition, request.scheduled_event_id, request.attempt)
        return
    transition.answer()
    if activity.phase != ActivityPhase.CANCEL_REQUESTED:
        failure = Failure.of("the activity was cancelled by its worker", CanceledInfo(request.details))
        _fail_attempt(state, activity, failure, request.identity, now_us, transition)
        return
    outcome = ActivityTaskCanceled(
        request.details, activity.scheduled_event_id, 0, activity.cancel_requested_event_id, request.identity
    )
    _resolve(state, activity, outcome, request.identity, request.started_time_us, now_us, transition)


def lose(state: MutableState, request: ReportTaskLost, now_us: int, transition: Transition) -> None:
    """The worker that held the attempt is gone: the next attempt starts at once, if there may be one."""
    transition.answer()
    activity = _current(state, request.scheduled_event_id, request.attempt)
    if activity is not None:
        failure = Failure.of(
            f"worker lost: {request.worker} held attempt {request.attempt} and did not renew its lease",
            TimeoutInfo(TimeoutType.HEARTBEAT, activity.heartbeat_details),
        )
        _fail_attempt(state, activity, failure, request.worker, now_us, transition, at_once=True)


# Attempts and outcomes ----------------------------------------------------------------------------------------------


def _retry_state(activity: ActivityState, failure: Failure, next_us: int) -> RetryState:
    policy = activity.attributes.retry_policy
    info = failure.info
    if activity.phase == ActivityPhase.CANCEL_REQUESTED:
        return RetryState.CANCEL_REQUESTED
    if isinstance(info, ApplicationInfo) and (info.non_retryable or info.type in policy.non_retryable_error_types):
        return RetryState.NON_RETRYABLE_FAILURE
    if isinstance(info, ServerInfo) and info.non_retryable:
        return RetryState.NON_RETRYABLE_FAILURE
    if policy.maximum_attempts and activity.attempt >= policy.maximum_attempts:
        return RetryState.MAXIMUM_ATTEMPTS_REACHED
    if activity.attributes.schedule_to_close_timeout_ms and next_us >= _schedule_to_close_at_us(activity):
        return RetryState.TIMEOUT
    return RetryState.IN_PROGRESS


def _fail_attempt(
    state: MutableState,
    activity: ActivityState,
    failure: Failure,
    identity: str,
    now_us: int,
    transition: Transition,
    *,
    at_once: bool = False,
) -> None:
    """An attempt failed: another one after its backoff, or the outcome."""
    info = failure.info
    delay_ms = 0
    if not at_once:
        delay_ms = activity.attributes.retry_policy.backoff_ms(activity.attempt)
        if isinstance(info, ApplicationInfo) and info.next_retry_delay_ms:
            delay_ms = info.next_retry_delay_ms
    next_us = now_us + delay_ms * 1000
    retry_state = _retry_state(activity, failure, next_us)
    event_id = activity.scheduled_event_id
    if retry_state != RetryState.IN_PROGRESS:
        outcome: Outcome
        if isinstance(info, TimeoutInfo):
            outcome = ActivityTaskTimedOut(failure, event_id, 0, retry_state)
        elif retry_state == RetryState.CANCEL_REQUESTED and isinstance(info, CanceledInfo):
            outcome = ActivityTaskCanceled(info.details, event_id, 0, activity.cancel_requested_event_id, identity)
        else:
            outcome = ActivityTaskFailed(failure, event_id, 0, identity, retry_state)
        _resolve(state, activity, outcome, identity, activity.started_time_us or now_us, now_us, transition)
        return
    transition.effects.append(Retire(TaskKind.ACTIVITY, event_id))
    _clear_attempt_timers(activity, transition)
    record = ActivityAttemptFailed(event_id, activity.attempt, failure, identity, next_us, activity.heartbeat_details)
    annotate(state, transition, now_us, EventType.ACTIVITY_ATTEMPT_FAILED, record)
    if delay_ms:
        transition.effects.append(SetTimer(next_us, TimerKind.ACTIVITY_RETRY, event_id, activity.attempt))
    else:
        _dispatch(state, activity, now_us, transition)


def _resolve(
    state: MutableState,
    activity: ActivityState,
    outcome: Outcome,
    identity: str,
    started_time_us: int,
    now_us: int,
    transition: Transition,
) -> None:
    """Write down the outcome, take back the task, and let the workflow know."""
    event_id = activity.scheduled_event_id
    transition.effects.append(Retire(TaskKind.ACTIVITY, event_id))
    _clear_timers(activity, now_us, transition)
    if started_time_us:
        started = ActivityTaskStarted(event_id, identity, activity.attempt, activity.last_failure)
        if state.workflow_task is None:
            started_event_id = emit(state, transition, started_time_us, EventType.ACTIVITY_TASK_STARTED, started)
            outcome = outcome._replace(started_event_id=started_event_id)
        else:
            happen(state, transition, started_time_us, EventType.ACTIVITY_TASK_STARTED, started)
    happen(state, transition, now_us, _OUTCOME_TYPE[type(outcome)], outcome)
    workflow_task.schedule(state, transition, now_us)


def _clear_schedule_to_start(activity: ActivityState, transition: Transition) -> None:
    if activity.attributes.schedule_to_start_timeout_ms and not activity.reported_time_us:
        fire_at_us = _schedule_to_start_at_us(activity)
        timer = ClearTimer(fire_at_us, TimerKind.ACTIVITY_SCHEDULE_TO_START, activity.scheduled_event_id)
        transition.effects.append(timer)


def _clear_attempt_timers(activity: ActivityState, transition: Transition) -> None:
    event_id, attributes = activity.scheduled_event_id, activity.attributes
    _clear_schedule_to_start(activity, transition)
    if not activity.reported_time_us:
        return
    if attributes.start_to_close_timeout_ms:
        timer = ClearTimer(_start_to_close_at_us(activity), TimerKind.ACTIVITY_START_TO_CLOSE, event_id)
        transition.effects.append(timer)
    if attributes.heartbeat_timeout_ms:
        timer = ClearTimer(activity.heartbeat_check_us, TimerKind.ACTIVITY_HEARTBEAT, event_id)
        transition.effects.append(timer)


def _clear_timers(activity: ActivityState, now_us: int, transition: Transition) -> None:
    event_id = activity.scheduled_event_id
    _clear_attempt_timers(activity, transition)
    if activity.attributes.schedule_to_close_timeout_ms:
        timer = ClearTimer(_schedule_to_close_at_us(activity), TimerKind.ACTIVITY_SCHEDULE_TO_CLOSE, event_id)
        transition.effects.append(timer)
    if activity.attempt_scheduled_time_us > now_us:
        timer = ClearTimer(activity.attempt_scheduled_time_us, TimerKind.ACTIVITY_RETRY, event_id)
        transition.effects.append(timer)


# Time ---------------------------------------------------------------------------------------------------------------


def time_out(
    state: MutableState, kind: TimerKind, event_id: int, attempt: int, now_us: int, transition: Transition
) -> None:
    """A timer of an activity is due; one that a later attempt made stale is ignored."""
    activity = state.activities.get(event_id)
    if activity is None or activity.phase == ActivityPhase.RESOLVED:
        return
    if kind == TimerKind.ACTIVITY_SCHEDULE_TO_CLOSE:
        _give_up(state, activity, TimeoutType.SCHEDULE_TO_CLOSE, now_us, transition)
        return
    if activity.attempt != attempt:
        return
    if kind == TimerKind.ACTIVITY_RETRY:
        _dispatch(state, activity, now_us, transition)
    elif kind == TimerKind.ACTIVITY_SCHEDULE_TO_START:
        if not activity.reported_time_us:
            _give_up(state, activity, TimeoutType.SCHEDULE_TO_START, now_us, transition)
    elif kind == TimerKind.ACTIVITY_START_TO_CLOSE:
        _time_out_attempt(state, activity, TimeoutType.START_TO_CLOSE, now_us, transition)
    else:
        due_us = activity.heartbeat_time_us + activity.attributes.heartbeat_timeout_ms * 1000
        if activity.heartbeat_time_us and due_us > now_us:
            activity.heartbeat_check_us = due_us
            transition.effects.append(SetTimer(due_us, TimerKind.ACTIVITY_HEARTBEAT, event_id, attempt))
        else:
            _time_out_attempt(state, activity, TimeoutType.HEARTBEAT, now_us, transition)


def _timeout_failure(activity: ActivityState, timeout_type: TimeoutType) -> Failure:
    words = timeout_type.name.lower().replace("_", "-")
    return Failure.of(
        f"activity {words} timeout",
        TimeoutInfo(timeout_type, activity.heartbeat_details),
        cause=activity.last_failure,
    )


def _time_out_attempt(
    state: MutableState, activity: ActivityState, timeout_type: TimeoutType, now_us: int, transition: Transition
) -> None:
    if activity.worker:
        message = CancelActivity(state.run_id, activity.scheduled_event_id, activity.attempt, False)
        transition.effects.append(Push(activity.worker, message))
    _fail_attempt(state, activity, _timeout_failure(activity, timeout_type), activity.worker, now_us, transition)


def _give_up(
    state: MutableState, activity: ActivityState, timeout_type: TimeoutType, now_us: int, transition: Transition
) -> None:
    """A timeout that is not retried."""
    if activity.worker:
        message = CancelActivity(state.run_id, activity.scheduled_event_id, activity.attempt, False)
        transition.effects.append(Push(activity.worker, message))
    failure = _timeout_failure(activity, timeout_type)
    outcome = ActivityTaskTimedOut(failure, activity.scheduled_event_id, 0, RetryState.TIMEOUT)
    _resolve(state, activity, outcome, activity.worker, activity.started_time_us, now_us, transition)


# Cancellation -------------------------------------------------------------------------------------------------------


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
    if activity is None or activity.phase == ActivityPhase.CANCEL_REQUESTED:
        return held
    attributes = ActivityTaskCancelRequested(command.scheduled_event_id, completed_event_id)
    event_id = emit(state, transition, now_us, EventType.ACTIVITY_TASK_CANCEL_REQUESTED, attributes)
    if activity.phase == ActivityPhase.RESOLVED:
        return held
    if activity.attempt_scheduled_time_us > now_us:
        outcome = ActivityTaskCanceled(b"", command.scheduled_event_id, 0, event_id)
        transition.effects.append(Retire(TaskKind.ACTIVITY, command.scheduled_event_id))
        _clear_timers(activity, now_us, transition)
        return [*held, BufferedEvent(now_us, EventBuffered(EventType.ACTIVITY_TASK_CANCELED, outcome))]
    if activity.worker:
        message = CancelActivity(state.run_id, command.scheduled_event_id, activity.attempt)
        transition.effects.append(Push(activity.worker, message))
    return held


def abandon(state: MutableState, activity: ActivityState, transition: Transition) -> None:
    """The run closes: nothing of the activity stays behind."""
    if activity.phase == ActivityPhase.RESOLVED:
        return
    transition.effects.append(Retire(TaskKind.ACTIVITY, activity.scheduled_event_id))
    _clear_timers(activity, activity.attempt_scheduled_time_us - 1, transition)
