"""Reset: a new run with the history of another one up to a workflow task, which is done anew.

    events before the closing event of that task   copied, with their ids, and the annotations among them
    WorkflowTaskFailed, cause RESET_WORKFLOW        in the place of that event: here the new run begins
    what was sent to the run after that point       applied again, unless it is excluded
    what its children and others answered it        told again, if it is still waited for
    WorkflowTaskScheduled                           the next task

What the copied history leaves pending begins anew: activities are dispatched again, timers are set again, and the
timeouts of the run count from the reset. The fold of the event makes it so (`fold`), and this writes the effects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from perdure.protocol.child_workflow import ChildWorkflowExecutionTerminated, ParentClosePolicy
from perdure.protocol.events import (
    RESET_CAUSE,
    EventType,
    HistoryEvent,
    WorkflowExecutionSignaled,
    WorkflowExecutionStarted,
    WorkflowExecutionTerminated,
    WorkflowTaskFailed,
)
from perdure.protocol.failure import Failure
from perdure.protocol.ids import run_id_for_child, text_problem
from perdure.protocol.requests import ResetPoint, ResetReapplyExclude, ResetWorkflow
from perdure.protocol.updates import WorkflowExecutionUpdateAccepted, WorkflowExecutionUpdateAdmitted
from perdure_engine.core import attempt, content, deadline, workflow_task
from perdure_engine.core.child_fold import CHILD_NEWS, CHILD_OUTCOMES
from perdure_engine.core.external_fold import EXTERNAL_ANSWERS
from perdure_engine.core.fold import begin, fold
from perdure_engine.core.ledger import emit
from perdure_engine.core.outcome import outcome_of
from perdure_engine.core.run_start import run_timeout_at_us
from perdure_engine.core.state import Bug, ChildPhase, MutableState
from perdure_engine.core.transition import SetTimer, Successor, TimerKind, Transition

_ENDS_TASK = frozenset(
    int(kind)
    for kind in (
        EventType.WORKFLOW_TASK_COMPLETED,
        EventType.WORKFLOW_TASK_FAILED,
        EventType.WORKFLOW_TASK_TIMED_OUT,
    )
)
_TASK_SCHEDULED = int(EventType.WORKFLOW_TASK_SCHEDULED)
_TASK_COMPLETED = int(EventType.WORKFLOW_TASK_COMPLETED)
_BUFFERED = int(EventType.EVENT_BUFFERED)
_CHILD_STARTED = int(EventType.CHILD_WORKFLOW_EXECUTION_STARTED)

ANSWERS = CHILD_NEWS | EXTERNAL_ANSWERS
"""Events by which other workflows answer a run: the new run hears of them, if it waits for them."""

REASON_LENGTH_MAX = 1_000
"""Characters of the reason of a reset."""

_SENT: dict[ResetReapplyExclude, tuple[type[Any], ...]] = {
    ResetReapplyExclude.SIGNAL: (WorkflowExecutionSignaled,),
    ResetReapplyExclude.UPDATE: (WorkflowExecutionUpdateAdmitted, WorkflowExecutionUpdateAccepted),
}
"""Events by which people's messages reached a run, under what excludes them."""

_UPDATES = _SENT[ResetReapplyExclude.UPDATE]

_SHOWN_MAX = 10
"""Events that a refusal names."""


class Base(NamedTuple):
    """The run that is reset: all records of it that there are, those of this batch included."""

    namespace: str
    workflow_id: str
    run_id: str
    shard_id: int
    records: Sequence[HistoryEvent]


def request_problem(request: ResetWorkflow) -> str | None:
    """What is wrong with the request, whatever run it names; or None."""
    if len(request.reason) > REASON_LENGTH_MAX:
        return f"the reason of the reset has {len(request.reason)} characters; the limit is {REASON_LENGTH_MAX}"
    if request.point not in tuple(ResetPoint):
        return f"{request.point} is no point to reset to; give one of {', '.join(point.name for point in ResetPoint)}"
    return text_problem("request id", request.request_id)


def finish_event_id(base: Base, request: ResetWorkflow) -> int | str:
    """The event that closes the workflow task to go back to, or what is wrong with the one that the request names."""
    ends = [record for record in base.records if record.event_id and record.event_type in _ENDS_TASK]
    completed = [record.event_id for record in ends if record.event_type == _TASK_COMPLETED]
    if request.point == ResetPoint.EVENT:
        if any(record.event_id == request.event_id for record in ends):
            return request.event_id
        return f"event {request.event_id} of run {base.run_id} closes no workflow task; {_advice(completed)}"
    if not completed:
        return f"run {base.run_id} has completed no workflow task: {_advice(completed)}"
    return completed[0 if request.point == ResetPoint.FIRST_WORKFLOW_TASK else -1]


def _advice(completed: Sequence[int]) -> str:
    if not completed:
        return "there is nothing to go back to; terminate it and start it again"
    shown = ", ".join(str(event_id) for event_id in completed[-_SHOWN_MAX:])
    return f"{'the last' if len(completed) > _SHOWN_MAX else 'those'} that complete one are {shown}"


def sent_after(records: Iterable[HistoryEvent], event_id: int, exclude: Sequence[int]) -> list[HistoryEvent]:
    """What people sent to a run after an event, as far as a reset applies it again."""
    kinds = tuple(kind for excluded, classes in _SENT.items() if excluded not in exclude for kind in classes)
    return [record for record in records if record.event_id > event_id and isinstance(record.attributes, kinds)]


def fork(
    base: Base,
    finish_id: int,
    again: Sequence[HistoryEvent],
    request: ResetWorkflow,
    run_id: str,
    now_us: int,
    others: Sequence[tuple[str, Sequence[HistoryEvent]]] = (),
) -> Successor:
    """The new run, which has the events before `finish_id`, then those in `again`, anew; some of these happened to
    `others`, runs that followed, with their records."""
    transition = Transition()
    state = _copy(base, finish_id, run_id, transition)
    task = state.workflow_task
    if task is None:
        raise Bug(f"run {base.run_id}: event {finish_id} closes a workflow task that is not open")
    failure = Failure(f"reset: {request.reason}" if request.reason else "reset", source="Engine")
    scheduled_id = task.scheduled_event_id
    cause = WorkflowTaskFailed(
        scheduled_id, state.next_event_id - 1, RESET_CAUSE, failure, request.identity, _origin(base, finish_id), run_id
    )
    emit(state, transition, now_us, cause)
    for record in again:
        if isinstance(record.attributes, _UPDATES):
            _admit(state, record.attributes, now_us, transition)
        elif not isinstance(record.attributes, WorkflowExecutionSignaled):
            _answer(state, record, now_us, transition)
        elif record.attributes.request_id not in state.request_ids:
            emit(state, transition, now_us, record.attributes)
    if _closed_by_itself(base):
        _terminate_children(state, now_us, transition)
    content.bring(base.records, base.run_id, state, now_us, transition)
    content.bring_referred(again, others, state, now_us, transition)
    _resume(state, now_us, transition)
    return Successor(state, transition)


def _origin(base: Base, finish_id: int) -> str:
    """The run in which the events up to a point happened: the base, unless that has them from another one itself."""
    for record in base.records:
        attributes = record.attributes
        if record.event_id >= finish_id and isinstance(attributes, WorkflowTaskFailed) and attributes.base_run_id:
            return attributes.base_run_id
    return base.run_id


def answers(records: Sequence[HistoryEvent], event_id: int, base_run_id: str = "") -> list[HistoryEvent]:
    """What other workflows answered a run after an event. Of a run that a reset of `base_run_id` began: what they
    answered it in the place of that."""
    if base_run_id:
        resets = [
            record.event_id
            for record in records
            if isinstance(record.attributes, WorkflowTaskFailed) and record.attributes.base_run_id == base_run_id
        ]
        if not resets:
            return []
        event_id = resets[-1]
    return [record for record in records if record.event_id > event_id and record.event_type in ANSWERS]


def _admit(state: MutableState, known: Any, now_us: int, transition: Transition) -> None:
    """An update that a run before had taken in: its handler has not run in this one, unless it did before the point."""
    update_id = known.update_id if isinstance(known, WorkflowExecutionUpdateAdmitted) else known.protocol_instance_id
    if update_id not in state.updates and update_id not in state.admitted:
        attributes = WorkflowExecutionUpdateAdmitted(
            update_id, known.update_name, known.input, known.identity, known.headers
        )
        emit(state, transition, now_us, attributes)


def _answer(state: MutableState, record: HistoryEvent, now_us: int, transition: Transition) -> None:
    """What a child or another workflow said to the run before, as far as the new one waits for it."""
    attributes: Any = record.attributes
    event_id = attributes.initiated_event_id
    child = state.children.get(event_id)
    if record.event_type in CHILD_NEWS:
        if child is None or (record.event_type == _CHILD_STARTED and child.started_event_id):
            return
        if record.event_type in CHILD_OUTCOMES:
            attributes = attributes._replace(started_event_id=child.started_event_id)
    elif event_id not in state.external_signals and event_id not in state.external_cancels:
        return
    emit(state, transition, now_us, attributes)


def _closed_by_itself(base: Base) -> bool:
    """Whether the base closed before this reset, and not for another one: then its children had what their parent close
    policy says."""
    last = base.records[-1]
    if isinstance(last.attributes, WorkflowExecutionTerminated) and last.attributes.new_execution_run_id:
        return False
    return outcome_of(base.run_id, last) is not None


def _terminate_children(state: MutableState, now_us: int, transition: Transition) -> None:
    """Children that the close of the base terminated: nobody told it how they ended."""
    for child in list(state.children.values()):
        if child.phase == ChildPhase.STARTED and child.parent_close_policy == ParentClosePolicy.TERMINATE:
            first_run_id = run_id_for_child(state.run_of(child.initiated_event_id), child.initiated_event_id)
            who = (child.namespace, child.workflow_id, first_run_id, child.workflow_type)
            terminated = ChildWorkflowExecutionTerminated(*who, child.initiated_event_id, child.started_event_id)
            emit(state, transition, now_us, terminated)


def _copy(base: Base, finish_id: int, run_id: str, transition: Transition) -> MutableState:
    """The state before an event of the base, its records now those of the new run. What waited in the buffer of the
    task that the event closes, which is what was buffered since the last event before that task, came after the point
    that is gone back to."""
    records = base.records
    end = next(index for index, record in enumerate(records) if record.event_id == finish_id)
    scheduled = max(index for index in range(end) if records[index].event_type == _TASK_SCHEDULED)
    window = max(index for index in range(scheduled) if records[index].event_id)
    kept = [*records[:window], *(record for record in records[window:end] if record.event_type != _BUFFERED)]
    started: WorkflowExecutionStarted = kept[0].attributes
    original = started.original_execution_run_id or base.run_id
    kept[0] = kept[0]._replace(
        attributes=started._replace(original_execution_run_id=original, execution_expiration_time_us=0)
    )
    transition.records.extend(kept)
    state = begin(base.namespace, base.workflow_id, run_id, base.shard_id, kept[0])
    fold(state, kept[1:])
    return state


def _resume(state: MutableState, now_us: int, transition: Transition) -> None:
    """Carry out what the copied history asks for."""
    timeout_at_us = run_timeout_at_us(state)
    if timeout_at_us:
        transition.effects.append(SetTimer(timeout_at_us, TimerKind.RUN_TIMEOUT, 0))
    for timer in state.timers.values():
        transition.effects.append(SetTimer(timer.fire_at_us, TimerKind.USER, timer.started_event_id))
    for activity in state.activities.values():
        deadline.watch_scheduled(activity, transition)
        attempt.begin(state, activity, 0, transition)
    workflow_task.schedule(state, transition, now_us)
