"""The workflow task machine: scheduled, out at a worker, completed or failed, and tried again.

    none --schedule--> out --completed--> none (and perhaps scheduled again)
                        |--failed--> transient attempt n + 1, at once up to attempt 3, then with growing backoff

While a task is out, events from outside are buffered, so that its list of events is fixed when it is scheduled. Only
the first failure in a row writes events; later attempts are annotations, so that a workflow that fails for a week does
not fill its history. How a task completes is in `completion.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from perdure.protocol.events import (
    ActivityTasksScheduledAsAsked,
    EventType,
    HistoryEvent,
    WorkflowTaskAttemptFailed,
    WorkflowTaskFailed,
    WorkflowTaskScheduled,
    WorkflowTaskStarted,
    WorkflowTaskTimedOut,
    encode_records,
)
from perdure.protocol.failure import Failure, TimeoutType
from perdure.protocol.replies import ErrorCode
from perdure.protocol.requests import ReportTaskLost, RespondWorkflowTaskFailed
from perdure.protocol.tasks import INLINE_SIZE_MAX, TaskKind, WorkflowTask, encode_task
from perdure.protocol.updates import UpdateDelivery, encode_deliveries
from perdure_engine.core.ledger import annotate, emit, flush
from perdure_engine.core.limits import bounded_failure
from perdure_engine.core.state import BufferedEvent, Bug, MutableState, WorkflowTaskState
from perdure_engine.core.transition import Dispatch, Retire, SetTimer, TimerKind, Transition

IMMEDIATE_ATTEMPTS = 3
"""Attempts of a workflow task that start at once; from the next on there is backoff (Temporal's number)."""

BACKOFF_INITIAL_MS = 1_000
BACKOFF_MAX_MS = 60_000

INLINE_EVENTS_MAX = 1_000
"""Events that are encoded to see whether they fit into a stream entry; so many hardly ever do."""

_ACTIVITY_SCHEDULED = int(EventType.ACTIVITY_TASK_SCHEDULED)
_AS_ASKED = int(EventType.ACTIVITY_TASKS_SCHEDULED_AS_ASKED)

TASK_TIMED_OUT = "WORKFLOW_TASK_TIMED_OUT"


def schedule(state: MutableState, transition: Transition, now_us: int) -> None:
    """Schedule a workflow task unless one is out already, or has to wait, and dispatch it."""
    if state.workflow_task is not None or not state.is_open or (state.first_task_us > now_us and _must_wait(state)):
        return
    attributes = WorkflowTaskScheduled(state.task_queue, state.started.task_timeout_ms, 1)
    emit(state, transition, now_us, attributes)
    dispatch(state, transition, now_us)


def _must_wait(state: MutableState) -> bool:
    """Whether the first workflow task waits for its time, whatever comes in: see `run_start`."""
    started = state.started
    return bool(started.initiator or started.cron_schedule) and not state.cancel_requested


def dispatch(state: MutableState, transition: Transition, now_us: int, *, sticky: bool = True) -> None:
    """Hand the scheduled task to the sticky worker, or to the task queue."""
    task = _pending(state)
    worker = state.sticky_worker if sticky else ""
    event_id = state.workflow_task_id()
    for update in state.admitted.values():
        update.sent_with = (event_id, task.sent_attempt)
    transition.effects.append(
        Dispatch(
            TaskKind.WORKFLOW,
            event_id,
            task.sent_attempt,
            state.task_queue,
            0,
            encode_workflow_task(state, now_us, whole=not worker),
            worker,
            not task.is_speculative,
        )
    )


def encode_workflow_task(state: MutableState, now_us: int, *, whole: bool) -> bytes:
    """The stream entry of the task that is out. `whole`: for a worker that has no instance of this run."""
    task = _pending(state)
    continues_from = 0 if whole else state.last_completed_event_id
    events = updates = b""
    if state.recent is not None and continues_from == state.last_completed_event_id:
        news = state.recent if whole else abridged(state.recent)
        if len(news) <= INLINE_EVENTS_MAX:
            events = encode_records(news)
            updates = encode_deliveries(sent_updates(state)) if state.admitted else b""
        if len(events) + len(updates) > INLINE_SIZE_MAX:
            events = updates = b""
    return encode_task(
        WorkflowTask(
            state.namespace,
            state.workflow_id,
            state.run_id,
            state.started.workflow_type,
            state.shard_id,
            state.workflow_task_id(),
            task.sent_attempt,
            now_us,
            continues_from,
            events,
            state.history_size_bytes,
            state.started.task_timeout_ms,
            updates,
        )
    )


def sent_updates(state: MutableState) -> list[UpdateDelivery]:
    """The updates that go with the task that is out, in the order in which they came."""
    task = _pending(state)
    sent_with = (state.workflow_task_id(), task.sent_attempt)
    return [update.delivery for update in state.admitted.values() if update.sent_with == sent_with or update.is_stored]


def abridged(events: Sequence[HistoryEvent]) -> list[HistoryEvent]:
    """Events for the worker whose commands led to them: activities that it asked for do not travel back, but for how
    many of them were scheduled, and from which event on."""
    short: list[HistoryEvent] = []
    count = 0
    for event in events:
        if event.event_type != _ACTIVITY_SCHEDULED:
            if count:
                short[-1] = _as_asked(short[-1], count)
                count = 0
            short.append(event)
        elif count:
            count += 1
        else:
            count = 1
            short.append(event)
    if count:
        short[-1] = _as_asked(short[-1], count)
    return short


def _as_asked(first: HistoryEvent, count: int) -> HistoryEvent:
    return HistoryEvent(first.event_id, first.time_us, _AS_ASKED, ActivityTasksScheduledAsAsked(count))


def _pending(state: MutableState) -> WorkflowTaskState:
    task = state.workflow_task
    if task is None:
        raise Bug(f"run {state.run_id} has no workflow task")
    return task


def is_waiting(task: WorkflowTaskState, now_us: int) -> bool:
    """Whether the task waits for its backoff: there is a retry timer, and nothing is out."""
    return task.next_attempt_time_us > now_us


def current(state: MutableState, scheduled_event_id: int, attempt: int, now_us: int) -> WorkflowTaskState | None:
    """The workflow task, if this attempt of it is out."""
    task = state.workflow_task
    if task is None or not task.is_attempt(attempt) or state.workflow_task_id() != scheduled_event_id:
        return None
    return None if is_waiting(task, now_us) else task


def started_time_us(task: WorkflowTaskState, said_us: int, now_us: int) -> int:
    """The time of the Started event, which is the workflow's own: what the task carried, within what is possible."""
    return min(max(said_us, task.scheduled_time_us, task.next_attempt_time_us), now_us)


def refuse_stale(state: MutableState, transition: Transition, scheduled_event_id: int, attempt: int) -> None:
    transition.refuse(
        ErrorCode.NOT_FOUND,
        f"workflow task {scheduled_event_id} attempt {attempt} of run {state.run_id} is no longer the current one; "
        "drop it and the cached instance",
    )


def open_transient(state: MutableState, transition: Transition, task: WorkflowTaskState) -> None:
    """A transient or speculative task gets its Scheduled event, dated when it was dispatched, now that an event is to
    close it."""
    if task.scheduled_event_id == 0:
        attributes = WorkflowTaskScheduled(state.task_queue, state.started.task_timeout_ms, task.attempt)
        emit(state, transition, task.next_attempt_time_us or task.scheduled_time_us, attributes)


def fail(state: MutableState, request: RespondWorkflowTaskFailed, now_us: int, transition: Transition) -> None:
    """The worker could not carry the workflow on: the task is tried again, the workflow itself is unharmed."""
    if current(state, request.scheduled_event_id, request.attempt, now_us) is None:
        refuse_stale(state, transition, request.scheduled_event_id, request.attempt)
        return
    transition.answer()
    failure = bounded_failure(request.failure)
    give_back(state, transition, now_us, request.cause, failure, request.identity, request.started_time_us)


def lose(state: MutableState, request: ReportTaskLost, now_us: int, transition: Transition) -> None:
    """The worker that held the task is gone."""
    transition.answer()
    if current(state, request.scheduled_event_id, request.attempt, now_us) is not None:
        give_back(state, transition, now_us, TASK_TIMED_OUT, None, request.worker)


def give_back(
    state: MutableState,
    transition: Transition,
    now_us: int,
    cause: str,
    failure: Failure | None,
    identity: str,
    said_us: int = 0,
) -> None:
    """The attempt that is out failed: write that down, then what was buffered, and try again.

    Events that were buffered make a new task of it, with a Scheduled event and attempt 1; else the next attempt is
    transient. `said_us` is when the worker says that it began.
    """
    task = _pending(state)
    scheduled_event_id = state.workflow_task_id()
    if task.is_speculative:
        open_transient(state, transition, task)
    else:
        transition.effects.append(Retire(TaskKind.WORKFLOW, scheduled_event_id))
    held = state.buffered
    if task.attempt == 1:
        started_event_id = emit(
            state,
            transition,
            started_time_us(task, said_us, now_us),
            WorkflowTaskStarted(scheduled_event_id, identity),
        )
        if cause == TASK_TIMED_OUT:
            timed_out = WorkflowTaskTimedOut(scheduled_event_id, started_event_id, TimeoutType.START_TO_CLOSE)
            emit(state, transition, now_us, timed_out)
        else:
            failed = WorkflowTaskFailed(scheduled_event_id, started_event_id, cause, failure, identity)
            emit(state, transition, now_us, failed)
    else:
        next_us = now_us + backoff_ms(task.attempt + 1) * 1000
        record = WorkflowTaskAttemptFailed(task.attempt, cause, failure, identity, next_us)
        annotate(state, transition, now_us, record)
    _reopen(state, transition, held, now_us)
    again = _pending(state)
    if is_waiting(again, now_us):
        transition.effects.append(SetTimer(again.next_attempt_time_us, TimerKind.WORKFLOW_TASK_RETRY, 0, again.attempt))
    else:
        dispatch(state, transition, now_us, sticky=False)


def _reopen(state: MutableState, transition: Transition, held: list[BufferedEvent], now_us: int) -> None:
    """Events came in since the task was scheduled: the next attempt shall see them, so it is a new task."""
    if held:
        flush(state, transition, held)
        attributes = WorkflowTaskScheduled(state.task_queue, state.started.task_timeout_ms, 1)
        emit(state, transition, now_us, attributes)


def retry(state: MutableState, event_id: int, attempt: int, now_us: int, transition: Transition) -> None:
    """The backoff of a failed workflow task is over; a timer that another attempt made stale is ignored."""
    task = state.workflow_task
    if task is None or task.attempt != attempt or task.scheduled_event_id:
        return
    _reopen(state, transition, state.buffered, now_us)
    dispatch(state, transition, now_us, sticky=False)


def backoff_ms(attempt: int) -> int:
    """Milliseconds before `attempt` of a workflow task."""
    if attempt <= IMMEDIATE_ATTEMPTS:
        return 0
    return min(BACKOFF_INITIAL_MS << min(attempt - IMMEDIATE_ATTEMPTS - 1, 10), BACKOFF_MAX_MS)
