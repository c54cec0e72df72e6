"""The fold: how each record changes mutable state. Nothing else may.

`apply` looks up the record's type; a type without a row is a `Bug`. The tables say from which phase a timer (or, in
other modules, an activity or a child) may take which record, so that an illegal history cannot be folded silently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from perdure.protocol.content import split_hashes
from perdure.protocol.events import (
    RESET_CAUSE,
    ActivityTaskCanceled,
    ActivityTaskCompleted,
    ActivityTaskFailed,
    ActivityTaskTimedOut,
    EventBuffered,
    EventType,
    HistoryEvent,
    TimerFired,
    WorkflowExecutionCancelRequested,
    WorkflowExecutionSignaled,
    WorkflowExecutionStarted,
)
from perdure.protocol.memo import merged_memo
from perdure.protocol.replies import ExecutionStatus
from perdure.protocol.search_attributes import merged_search_attributes
from perdure_engine.core import update_events
from perdure_engine.core.activity_fold import ACTIVITY_RULES, begin_anew, step_activity
from perdure_engine.core.child_fold import CHILD_NEWS, CHILD_RULES, buffer_child
from perdure_engine.core.external_fold import EXTERNAL_ANSWERS, EXTERNAL_RULES, buffer_answer
from perdure_engine.core.outcome import outcome_of
from perdure_engine.core.state import (
    BufferedEvent,
    Bug,
    MutableState,
    TimerPhase,
    TimerState,
    WorkflowTaskState,
)
from perdure_engine.core.version_fold import note_version

TIMER_TRANSITIONS: dict[tuple[TimerPhase, EventType], TimerPhase | None] = {
    (TimerPhase.STARTED, EventType.EVENT_BUFFERED): TimerPhase.RESOLVED,
    (TimerPhase.STARTED, EventType.TIMER_FIRED): None,
    (TimerPhase.RESOLVED, EventType.TIMER_FIRED): None,
    (TimerPhase.STARTED, EventType.TIMER_CANCELED): None,
    (TimerPhase.RESOLVED, EventType.TIMER_CANCELED): None,
}

_OUTCOME_TYPES = (ActivityTaskCompleted, ActivityTaskFailed, ActivityTaskTimedOut, ActivityTaskCanceled)


_ACTIVITY_STARTED = int(EventType.ACTIVITY_TASK_STARTED)


def fold(state: MutableState, records: Iterable[HistoryEvent]) -> None:
    """Apply records in order."""
    for record in records:
        apply(state, record)


def begin(namespace: str, workflow_id: str, run_id: str, shard_id: int, first: HistoryEvent) -> MutableState:
    """The state after a run's first event, which must be `WorkflowExecutionStarted`."""
    started = first.attributes
    if first.event_id != 1 or not isinstance(started, WorkflowExecutionStarted):
        raise Bug(f"run {run_id} begins with event {first.event_id} of type {first.event_type}")
    return MutableState(
        namespace,
        workflow_id,
        run_id,
        shard_id,
        started,
        first.time_us,
        next_event_id=2,
        recent=[first],
        memo=started.memo,
        search_attributes=started.search_attributes,
        first_task_us=first.time_us + started.start_delay_ms * 1000,
        version=started.inherited_version,
    )


def apply(state: MutableState, record: HistoryEvent) -> None:
    """Apply one record: check its id, count it, and change what it changes."""
    event_id = record.event_id
    if event_id:
        if event_id != state.next_event_id:
            raise Bug(f"run {state.run_id}: event {event_id} where {state.next_event_id} comes next")
        state.next_event_id = event_id + 1
        if state.recent is not None and record.event_type != _ACTIVITY_STARTED:
            state.recent.append(record)
    rule = RULES.get(record.event_type)
    if rule is None:
        raise Bug(f"run {state.run_id}: no rule for event type {record.event_type}")
    rule(state, record)


# Workflow task ------------------------------------------------------------------------------------------------------


def _workflow_task_scheduled(state: MutableState, record: HistoryEvent) -> None:
    task = state.workflow_task
    if task is not None and task.scheduled_event_id:
        raise Bug(f"run {state.run_id}: two workflow tasks are scheduled")
    failure = task.last_failure if task is not None else None
    state.buffered = []
    state.workflow_task = WorkflowTaskState(
        record.event_id, record.time_us, record.attributes.attempt, last_failure=failure
    )


def _workflow_task_started(state: MutableState, record: HistoryEvent) -> None:
    task = state.workflow_task
    if task is None or task.scheduled_event_id != record.attributes.scheduled_event_id:
        raise Bug(f"run {state.run_id}: a workflow task starts that is not scheduled")


def _workflow_task_completed(state: MutableState, record: HistoryEvent) -> None:
    state.workflow_task = None
    state.buffered = []
    note_version(state, record.attributes.version)
    state.last_completed_event_id = record.event_id
    state.sticky_worker = record.attributes.sticky_queue
    state.recent = []


def _workflow_task_failed(state: MutableState, record: HistoryEvent) -> None:
    if getattr(record.attributes, "cause", "") == RESET_CAUSE:
        _reset(state, record)
        return
    state.workflow_task = WorkflowTaskState(
        0, record.time_us, 2, record.time_us, last_failure=getattr(record.attributes, "failure", None)
    )
    state.buffered = []
    state.sticky_worker = ""


def _reset(state: MutableState, record: HistoryEvent) -> None:
    """The run begins here, with what was pending in the run that its history was copied from: none of it runs yet."""
    state.workflow_task = None
    state.buffered = []
    state.sticky_worker = ""
    now_us = record.time_us
    state.bases = [*state.bases, (record.event_id, record.attributes.base_run_id)]
    state.start_time_us = state.first_task_us = now_us
    for timer in state.timers.values():
        timer.fire_at_us = max(timer.fire_at_us, now_us)
    for activity in state.activities.values():
        begin_anew(activity, now_us)


def _workflow_task_attempt_failed(state: MutableState, record: HistoryEvent) -> None:
    attempt = record.attributes
    state.workflow_task = WorkflowTaskState(
        0, record.time_us, attempt.attempt + 1, attempt.next_attempt_time_us, last_failure=attempt.failure
    )
    state.buffered = []
    state.sticky_worker = ""


# Timers -------------------------------------------------------------------------------------------------------------


def _timer_started(state: MutableState, record: HistoryEvent) -> None:
    timer = record.attributes
    fire_at_us = record.time_us + timer.start_to_fire_timeout_ms * 1000
    state.timers[timer.timer_id] = TimerState(timer.timer_id, record.event_id, fire_at_us)
    state.timer_ids[record.event_id] = timer.timer_id


def _step_timer(state: MutableState, timer_id: str, event_type: int) -> None:
    timer = state.timers.get(timer_id)
    if timer is None:
        raise Bug(f"run {state.run_id}: event type {event_type} for timer {timer_id!r}, which is not pending")
    try:
        phase = TIMER_TRANSITIONS[timer.phase, event_type]  # type: ignore[index]  # an int equals its EventType
    except KeyError:
        raise Bug(f"run {state.run_id}: timer {timer_id!r} in {timer.phase!r} takes no {event_type}") from None
    if phase is None:
        del state.timers[timer_id]
        del state.timer_ids[timer.started_event_id]
    else:
        timer.phase = phase


def _timer_changed(state: MutableState, record: HistoryEvent) -> None:
    _step_timer(state, record.attributes.timer_id, record.event_type)


# Markers ------------------------------------------------------------------------------------------------------------


def _marker_recorded(state: MutableState, record: HistoryEvent) -> None:
    """For replays alone."""


# Memo and search attributes -----------------------------------------------------------------------------------------


def _search_attributes_upserted(state: MutableState, record: HistoryEvent) -> None:
    state.search_attributes = merged_search_attributes(state.search_attributes, record.attributes.search_attributes)


def _properties_modified(state: MutableState, record: HistoryEvent) -> None:
    state.memo = merged_memo(state.memo, record.attributes.upserted_memo)


def _properties_kept(state: MutableState, record: HistoryEvent) -> None:
    """For those who describe the closed run."""


# From outside -------------------------------------------------------------------------------------------------------


def _count_signal(state: MutableState, request_id: str) -> None:
    """A signal counts once: when it is buffered, or when its event comes without."""
    if request_id not in state.request_ids:
        state.request_ids[request_id] = 1
        state.signal_count += 1


def _signaled(state: MutableState, record: HistoryEvent) -> None:
    _count_signal(state, record.attributes.request_id)


def _cancel_requested(state: MutableState, record: HistoryEvent) -> None:
    state.cancel_requested = True
    state.request_ids[record.attributes.request_id] = 1


def _event_buffered(state: MutableState, record: HistoryEvent) -> None:
    buffer(state, record.time_us, record.attributes, stored=True)


def buffer(state: MutableState, time_us: int, event: EventBuffered, *, stored: bool) -> None:
    """Hold an outside event until the workflow task is closed; what it settles is settled at once."""
    state.buffered.append(BufferedEvent(time_us, event, stored))
    attributes = event.attributes
    if isinstance(attributes, _OUTCOME_TYPES):
        step_activity(state, attributes.scheduled_event_id, EventType.EVENT_BUFFERED)
    elif isinstance(attributes, TimerFired):
        _step_timer(state, attributes.timer_id, EventType.EVENT_BUFFERED)
    elif isinstance(attributes, WorkflowExecutionSignaled):
        _count_signal(state, attributes.request_id)
    elif isinstance(attributes, WorkflowExecutionCancelRequested):
        state.cancel_requested = True
        state.request_ids[attributes.request_id] = 1
    elif event.event_type in CHILD_NEWS:
        buffer_child(state, event.event_type, attributes)
    elif event.event_type in EXTERNAL_ANSWERS:
        buffer_answer(state, event.event_type, attributes)


# Closing ------------------------------------------------------------------------------------------------------------


def _closed(state: MutableState, record: HistoryEvent) -> None:
    outcome = outcome_of(state.run_id, record)
    if outcome is None:
        raise Bug(f"run {state.run_id}: event type {record.event_type} closes no run")
    state.status = ExecutionStatus(outcome.status)
    state.outcome = outcome
    state.workflow_task = None
    state.activities = {}
    state.activity_ids = {}
    state.timers = {}
    state.timer_ids = {}
    state.children = {}
    state.external_signals = {}
    state.external_cancels = {}
    state.buffered = []


def _content_kept(state: MutableState, record: HistoryEvent) -> None:
    kept = record.attributes
    state.content.update(zip(split_hashes(kept.hashes), kept.sizes, strict=True))
    state.history_size_bytes += sum(kept.sizes)


RULES: dict[int, Callable[[MutableState, HistoryEvent], None]] = {
    EventType.WORKFLOW_TASK_SCHEDULED: _workflow_task_scheduled,
    EventType.WORKFLOW_TASK_STARTED: _workflow_task_started,
    EventType.WORKFLOW_TASK_COMPLETED: _workflow_task_completed,
    EventType.WORKFLOW_TASK_FAILED: _workflow_task_failed,
    EventType.WORKFLOW_TASK_TIMED_OUT: _workflow_task_failed,
    EventType.WORKFLOW_TASK_ATTEMPT_FAILED: _workflow_task_attempt_failed,
    EventType.TIMER_STARTED: _timer_started,
    EventType.TIMER_FIRED: _timer_changed,
    EventType.TIMER_CANCELED: _timer_changed,
    EventType.MARKER_RECORDED: _marker_recorded,
    EventType.WORKFLOW_EXECUTION_SIGNALED: _signaled,
    EventType.WORKFLOW_EXECUTION_CANCEL_REQUESTED: _cancel_requested,
    EventType.EVENT_BUFFERED: _event_buffered,
    EventType.UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: _search_attributes_upserted,
    EventType.WORKFLOW_PROPERTIES_MODIFIED: _properties_modified,
    EventType.PROPERTIES_AT_CLOSE: _properties_kept,
    EventType.CONTENT_KEPT: _content_kept,
    EventType.WORKFLOW_EXECUTION_UPDATE_ACCEPTED: update_events.accepted,
    EventType.WORKFLOW_EXECUTION_UPDATE_COMPLETED: update_events.completed,
    EventType.WORKFLOW_EXECUTION_UPDATE_ADMITTED: update_events.admitted,
    EventType.UPDATE_FORGOTTEN: update_events.forgotten,
    EventType.WORKFLOW_EXECUTION_COMPLETED: _closed,
    EventType.WORKFLOW_EXECUTION_FAILED: _closed,
    EventType.WORKFLOW_EXECUTION_CANCELED: _closed,
    EventType.WORKFLOW_EXECUTION_TERMINATED: _closed,
    EventType.WORKFLOW_EXECUTION_TIMED_OUT: _closed,
    EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW: _closed,
    **ACTIVITY_RULES,
    **CHILD_RULES,
    **EXTERNAL_RULES,
}
"""What each type of record does to the state. `WorkflowExecutionStarted` has no rule: `begin` takes it."""
