"""Legal histories pass, and each way in which a history can be wrong is found.

An illegal history is a legal one with one thing changed, so that what is found is that thing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perdure.protocol import child_workflow as child, external_workflow as external
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
    HistoryEvent,
    TimerCanceled,
    TimerFired,
    TimerStarted,
    WorkflowExecutionCancelRequested,
    WorkflowExecutionCompleted,
    WorkflowExecutionSignaled,
    WorkflowExecutionStarted,
    WorkflowExecutionTerminated,
    WorkflowTaskAttemptFailed,
    WorkflowTaskCompleted,
    WorkflowTaskFailed,
    WorkflowTaskScheduled,
    WorkflowTaskStarted,
)
from perdure.protocol.failure import ApplicationInfo, Failure, RetryState, TimeoutInfo, TimeoutType
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.updates import WorkflowExecutionUpdateAccepted, WorkflowExecutionUpdateCompleted
from tests.legality import violations
from tests.legality.pen import Pen

ODD = Failure.of("odd", ApplicationInfo("Odd"))
FATAL = Failure.of("fatal", ApplicationInfo("Fatal", non_retryable=True))
LOST = Failure.of("worker lost", TimeoutInfo(TimeoutType.HEARTBEAT))


def signal(request_id: str) -> WorkflowExecutionSignaled:
    return WorkflowExecutionSignaled("go", b"", "client", request_id)


# Legal histories -----------------------------------------------------------------------------------------------------
def retried() -> list[HistoryEvent]:
    """An activity that fails, loses its worker, and completes in its third attempt."""
    pen = Pen()
    pen.begin()
    activity = pen.activity(pen.complete())
    pen.tick()
    pen.note(ActivityAttemptStarted(activity, 1, "worker", pen.now_us))
    pen.note(ActivityAttemptFailed(activity, 1, ODD, "worker", pen.now_us + 1_000_000))
    pen.tick(1_500_000)
    pen.note(ActivityAttemptFailed(activity, 2, LOST, "worker", pen.now_us))
    pen.tick()
    started = pen.event(ActivityTaskStarted(activity, "worker", 3, LOST))
    pen.tick()
    pen.event(ActivityTaskCompleted(b"paid", activity, started, "worker"))
    pen.schedule()
    pen.event(WorkflowExecutionCompleted(b"done", pen.complete()))
    return pen.records


def buffered() -> list[HistoryEvent]:
    """A signal, an outcome and a timer come while a workflow task is out; a second timer is cancelled, though due."""
    pen = Pen()
    pen.begin()
    completed = pen.complete()
    activity, first, second = pen.activity(completed), pen.timer(completed), pen.timer(completed, "2")
    pen.tick()
    pen.event(signal("a"))
    pen.schedule()
    pen.tick()
    began_us = pen.now_us
    pen.tick()
    paid = ActivityTaskCompleted(b"paid", activity, 0, "worker")
    ended_us = pen.hold(paid, began_us=began_us, identity="worker", attempt=1)
    fired_us = pen.hold(TimerFired("1", first))
    pen.hold(TimerFired("2", second))
    signaled_us = pen.hold(signal("b"))
    pen.tick()
    pen.event(TimerCanceled("2", second, pen.complete()))
    pen.event(signal("b"), at_us=signaled_us)
    started = pen.event(ActivityTaskStarted(activity, "worker", 1), at_us=began_us)
    pen.event(ActivityTaskCompleted(b"paid", activity, started, "worker"), at_us=ended_us)
    pen.event(TimerFired("1", first), at_us=fired_us)
    pen.schedule()
    pen.event(WorkflowExecutionCompleted(b"done", pen.complete()))
    return pen.records


def failing_task() -> list[HistoryEvent]:
    """A workflow task that fails twice, and completes in its third attempt while a signal waits."""
    pen = Pen()
    pen.begin()
    started = pen.event(WorkflowTaskStarted(2, "worker"))
    pen.event(WorkflowTaskFailed(2, started, "ODD", ODD, "worker"))
    pen.tick()
    pen.note(WorkflowTaskAttemptFailed(2, "ODD", ODD, "worker", pen.now_us))
    signaled_us = pen.hold(signal("a"))
    pen.schedule(3)
    pen.complete()
    pen.event(signal("a"), at_us=signaled_us)
    pen.schedule()
    pen.event(WorkflowExecutionCompleted(b"done", pen.complete()))
    return pen.records


def canceled() -> list[HistoryEvent]:
    """The run is asked to cancel, and cancels two activities: one waits for its second attempt, one runs."""
    pen = Pen()
    pen.begin()
    completed = pen.complete()
    activity, other = pen.activity(completed), pen.activity(completed, "2")
    pen.note(ActivityAttemptFailed(activity, 1, ODD, "worker", pen.now_us + 1_000_000))
    pen.tick()
    pen.event(WorkflowExecutionCancelRequested("enough", "client", "cancel"))
    pen.schedule()
    completed = pen.complete()
    asked = pen.event(ActivityTaskCancelRequested(activity, completed))
    asked_other = pen.event(ActivityTaskCancelRequested(other, completed))
    pen.event(ActivityTaskCanceled(b"", activity, 0, asked))
    pen.schedule()
    pen.complete()
    started = pen.event(ActivityTaskStarted(other, "worker", 1))
    pen.event(ActivityTaskCanceled(b"", other, started, asked_other, "worker"))
    pen.schedule()
    pen.event(WorkflowExecutionCompleted(b"done", pen.complete()))
    return pen.records


def exhausted() -> list[HistoryEvent]:
    """Two activities end in failures that nothing is tried after, and one in a timeout; then the run is terminated."""
    pen = Pen()
    pen.begin()
    completed = pen.complete()
    once = pen.activity(completed, "1", RetryPolicyData(maximum_attempts=1))
    fatal, lost = pen.activity(completed, "2"), pen.activity(completed, "3", RetryPolicyData(maximum_attempts=1))
    started = pen.event(ActivityTaskStarted(once, "worker", 1))
    pen.event(ActivityTaskFailed(ODD, once, started, "worker", RetryState.MAXIMUM_ATTEMPTS_REACHED))
    pen.schedule()
    pen.complete()
    started = pen.event(ActivityTaskStarted(fatal, "worker", 1))
    pen.event(ActivityTaskFailed(FATAL, fatal, started, "worker", RetryState.NON_RETRYABLE_FAILURE))
    pen.schedule()
    pen.complete()
    started = pen.event(ActivityTaskStarted(lost, "worker", 1))
    pen.event(ActivityTaskTimedOut(LOST, lost, started, RetryState.MAXIMUM_ATTEMPTS_REACHED))
    pen.schedule()
    signaled_us = pen.hold(signal("a"))
    pen.event(signal("a"), at_us=signaled_us)
    pen.event(WorkflowExecutionTerminated("enough", b"", "client"))
    return pen.records


def updated() -> list[HistoryEvent]:
    """Two updates: one is answered at once, one by a later workflow task that exists for its sake."""
    pen = Pen()
    pen.begin()
    pen.complete()
    pen.schedule()
    completed = pen.complete()
    first, second = pen.event(accepted("a", completed)), pen.event(accepted("b", completed))
    pen.event(WorkflowExecutionUpdateCompleted("a", first, b"done", None, completed))
    pen.schedule()
    completed = pen.complete()
    pen.event(WorkflowExecutionUpdateCompleted("b", second, b"", ODD, completed))
    pen.event(WorkflowExecutionCompleted(b"done", completed))
    return pen.records


def accepted(update_id: str, completed: int) -> WorkflowExecutionUpdateAccepted:
    return WorkflowExecutionUpdateAccepted(update_id, "", completed - 2, "change", b"", "client", b"", completed)


def related() -> list[HistoryEvent]:
    """Children are started, refused and closed, and other workflows reached or not; some of it waits in the buffer."""
    pen = Pen()
    pen.begin()
    completed = pen.complete()
    first = pen.event(child.StartChildWorkflowExecutionInitiated(completed, "a", "Ship", "q", b"", "default"))
    taken = pen.event(child.StartChildWorkflowExecutionInitiated(completed, "taken", "Ship", "q", b"", "default"))
    poke = pen.event(external.SignalExternalWorkflowExecutionInitiated(completed, "default", "o", "", "poke", b""))
    stop = pen.event(external.RequestCancelExternalWorkflowExecutionInitiated(completed, "default", "o", ""))
    pen.tick()
    pen.event(child.ChildWorkflowExecutionStarted("default", "a", "run", "Ship", first))
    pen.schedule()
    refused = child.StartChildWorkflowExecutionFailed("EXISTS", "default", "taken", "Ship", taken, completed)
    refused_us = pen.hold(refused)
    pen.tick()
    outcome = child.ChildWorkflowExecutionCompleted(b"", "default", "a", "run", "Ship", first, 0)
    closed_us = pen.hold(outcome)
    answered_us = pen.hold(external.ExternalWorkflowExecutionSignaled("default", "o", "", poke))
    completed = pen.complete()
    nobody = pen.event(external.SignalExternalWorkflowExecutionInitiated(completed, "default", "n", "x", "poke", b""))
    pen.event(refused, at_us=refused_us)
    pen.event(external.ExternalWorkflowExecutionSignaled("default", "o", "", poke), at_us=answered_us)
    pen.event(external.SignalExternalWorkflowExecutionFailed("NOBODY", "default", "n", "x", nobody, completed))
    pen.event(outcome._replace(started_event_id=stop + 1), at_us=closed_us)
    pen.schedule()
    pen.event(external.ExternalWorkflowExecutionCancelRequested("default", "o", "", stop), at_us=pen.hold(
        external.ExternalWorkflowExecutionCancelRequested("default", "o", "", stop)))  # fmt: skip
    pen.event(WorkflowExecutionTerminated("enough", b"", "client"))
    return pen.records


LEGAL = [retried, buffered, failing_task, canceled, exhausted, updated, related]


@pytest.mark.parametrize("write", LEGAL)
def test_a_legal_history_passes(write: Callable[[], list[HistoryEvent]]) -> None:
    assert violations(write()) == []


@pytest.mark.parametrize("write", LEGAL)
def test_so_does_every_beginning_of_one_that_ends_with_a_decision(write: Callable[[], list[HistoryEvent]]) -> None:
    records = write()
    for end, record in enumerate(records, 1):
        if isinstance(record.attributes, WorkflowTaskScheduled) and record.attributes.attempt == 1:
            assert violations(records[:end]) == []


# Illegal histories ---------------------------------------------------------------------------------------------------
Change = Callable[[list[HistoryEvent]], list[HistoryEvent]]


def renumbered(records: list[HistoryEvent]) -> list[HistoryEvent]:
    """Ids without gaps again; what refers to an id is left as it is."""
    event_id = 0
    found = []
    for record in records:
        event_id += record.event_id > 0
        found.append(record._replace(event_id=event_id if record.event_id else 0))
    return found


def _place(records: list[HistoryEvent], kind: type[Any], number: int) -> int:
    """Where the record of this kind stands; `number` counts them, from 0, or from the last as -1."""
    return [place for place, record in enumerate(records) if isinstance(record.attributes, kind)][number]


def without(kind: type[Any], number: int = 0) -> Change:
    def change(records: list[HistoryEvent]) -> list[HistoryEvent]:
        place = _place(records, kind, number)
        return renumbered(records[:place] + records[place + 1 :])

    return change


def twice(kind: type[Any], number: int = 0) -> Change:
    def change(records: list[HistoryEvent]) -> list[HistoryEvent]:
        place = _place(records, kind, number)
        return renumbered(records[: place + 1] + records[place:])

    return change


def swapped(kind: type[Any], other: type[Any], number: int = 0, other_number: int = 0) -> Change:
    def change(records: list[HistoryEvent]) -> list[HistoryEvent]:
        here, there = _place(records, kind, number), _place(records, other, other_number)
        records = list(records)
        records[here], records[there] = records[there], records[here]
        return renumbered(records)

    return change


def changed(kind: type[Any], number: int = 0, /, **fields: Any) -> Change:
    def change(records: list[HistoryEvent]) -> list[HistoryEvent]:
        place = _place(records, kind, number)
        record = records[place]
        return [
            *records[:place],
            record._replace(attributes=record.attributes._replace(**fields)),
            *records[place + 1 :],
        ]

    return change


def dated(kind: type[Any], number: int = 0, *, by_us: int) -> Change:
    def change(records: list[HistoryEvent]) -> list[HistoryEvent]:
        place = _place(records, kind, number)
        record = records[place]
        return [*records[:place], record._replace(time_us=record.time_us + by_us), *records[place + 1 :]]

    return change


def numbered(number: int, event_id: int) -> Change:
    def change(records: list[HistoryEvent]) -> list[HistoryEvent]:
        return [*records[:number], records[number]._replace(event_id=event_id), *records[number + 1 :]]

    return change


ILLEGAL: list[tuple[Callable[[], list[HistoryEvent]], Change, str]] = [
    # Other workflows
    (related, without(child.ChildWorkflowExecutionStarted), "the child was not started"),
    (related, twice(child.ChildWorkflowExecutionStarted), "it was started before"),
    (related, changed(child.ChildWorkflowExecutionCompleted, started_event_id=5), "it refers to event 5"),
    (related, changed(child.ChildWorkflowExecutionCompleted, workflow_id="b"), "it is about workflow 'b'"),
    (related, changed(child.StartChildWorkflowExecutionFailed, initiated_event_id=5), "it was started before"),
    (related, changed(child.ChildWorkflowExecutionStarted, initiated_event_id=3), "no child that event 3 asked for"),
    (related, changed(external.ExternalWorkflowExecutionSignaled, initiated_event_id=8), "waits for no such answer"),
    (related, changed(external.ExternalWorkflowExecutionSignaled, workflow_id="z"), "it is about workflow 'z'"),
    # The sequence
    (retried, numbered(3, 9), "its id should be 4"),
    (retried, numbered(1, 0), "is no annotation"),
    (retried, without(WorkflowExecutionStarted), "WORKFLOW_TASK_SCHEDULED may not come here: there is nothing yet"),
    (retried, twice(WorkflowExecutionStarted), "WORKFLOW_EXECUTION_STARTED may not come here: the run has begun"),
    (retried, twice(WorkflowExecutionCompleted), "WORKFLOW_EXECUTION_COMPLETED may not come here: the run is closed"),
    (retried, swapped(WorkflowExecutionCompleted, WorkflowTaskCompleted, 0, -1), "may not come here"),
    (exhausted, lambda records: [*records, records[4]], "may not come here: the run is closed"),
    (failing_task, swapped(WorkflowTaskAttemptFailed, WorkflowTaskScheduled), "may not come here"),
    (buffered, swapped(EventBuffered, ActivityTaskScheduled), "may not come here"),
    # Workflow tasks
    (retried, without(WorkflowTaskStarted), "WORKFLOW_TASK_COMPLETED may not come here: a workflow task is scheduled"),
    (retried, without(WorkflowTaskCompleted), "may not come here: a workflow task is started"),
    (retried, twice(WorkflowTaskScheduled), "may not come here: a workflow task is scheduled"),
    (retried, changed(WorkflowTaskStarted, scheduled_event_id=1), "it starts task 1"),
    (retried, changed(WorkflowTaskCompleted, started_event_id=2), "not to (2, 3)"),
    (retried, changed(WorkflowTaskScheduled, attempt=2), "attempt 2 is scheduled, where 1 comes next"),
    (retried, changed(WorkflowTaskScheduled, task_queue="elsewhere"), "the run was started with 'orders'"),
    (retried, dated(WorkflowTaskStarted, by_us=-1), "it happened at"),
    (failing_task, changed(WorkflowTaskAttemptFailed, attempt=3), "attempt 3 failed, where 2 was out"),
    (failing_task, without(WorkflowTaskAttemptFailed), "attempt 3 is scheduled, where 2 comes next"),
    (failing_task, changed(WorkflowTaskAttemptFailed, next_attempt_time_us=0), "lies before this one"),
    # Commands
    (retried, changed(ActivityTaskScheduled, workflow_task_completed_event_id=2), "refers to the completed event 2"),
    (retried, dated(ActivityTaskScheduled, by_us=7), "was asked for at"),
    (buffered, swapped(TimerCanceled, TimerFired), "no workflow task that was just completed"),
    # Activities
    (retried, without(ActivityTaskScheduled), "is over"),
    (canceled, changed(ActivityTaskScheduled, 1, activity_id="1"), "activity '1' is pending"),
    (retried, changed(ActivityTaskScheduled, start_to_close_timeout_ms=0), "it may run for ever"),
    (retried, twice(ActivityTaskCompleted), "is over"),
    (retried, twice(ActivityAttemptStarted), "and is known to run"),
    (retried, twice(ActivityAttemptFailed), "attempt 1 failed, where 2 was out"),
    (retried, without(ActivityAttemptFailed, 1), "attempt 3 closes it, where 2 was out"),
    (retried, changed(ActivityTaskStarted, attempt=2), "attempt 2 closes it, where 3 was out"),
    (retried, changed(ActivityTaskStarted, last_failure=ODD), "its last failure was"),
    (retried, changed(ActivityAttemptFailed, failure=FATAL), "is one that is not tried again"),
    (retried, changed(ActivityAttemptFailed, next_attempt_time_us=1_003_000), "the next attempt is"),
    (
        retried,
        changed(ActivityTaskScheduled, retry_policy=RetryPolicyData(maximum_attempts=2)),
        "attempt 2 is tried again, and 2 are allowed",
    ),
    (retried, changed(ActivityTaskCompleted, started_event_id=3), "refers to the Started event 3"),
    (retried, without(ActivityTaskStarted), "it never began"),
    (retried, dated(ActivityTaskStarted, by_us=-10_000_000), "and was scheduled at"),
    (retried, dated(ActivityTaskStarted, by_us=10_000_000), "and began at"),
    (buffered, swapped(ActivityTaskCompleted, TimerFired), "of an activity and what closes that"),
    (canceled, twice(ActivityTaskCancelRequested), "asked it to stop before"),
    (canceled, without(ActivityTaskCancelRequested, 1), "nobody asked it to stop"),
    (canceled, changed(ActivityTaskCancelRequested, scheduled_event_id=1), "activity 1 is over"),
    (canceled, swapped(ActivityAttemptFailed, ActivityTaskCancelRequested, 0, 1), "and was asked to stop"),
    (canceled, changed(ActivityTaskCanceled, latest_cancel_requested_event_id=3), "was asked to stop by"),
    (exhausted, changed(ActivityTaskFailed, retry_state=RetryState.TIMEOUT), "for TIMEOUT, which is no reason here"),
    (exhausted, changed(ActivityTaskFailed, retry_state=RetryState.CANCEL_REQUESTED), "is no reason here"),
    (exhausted, changed(ActivityTaskFailed, 1, failure=ODD), "for NON_RETRYABLE_FAILURE, which is no reason here"),
    (exhausted, changed(ActivityTaskTimedOut, failure=ODD), "its failure is no timeout"),
    (exhausted, changed(ActivityTaskTimedOut, failure=LOST._replace(cause=ODD)), "the cause of its timeout should be"),
    # Timers
    (buffered, changed(TimerStarted, 1, timer_id="1"), "timer '1' is pending"),
    (buffered, changed(TimerStarted, start_to_fire_timeout_ms=60_000), "and was due at"),
    (buffered, changed(TimerStarted, start_to_fire_timeout_ms=-1), "before it was started"),
    (buffered, twice(TimerFired, -1), "timer '1' is not pending"),
    (buffered, changed(TimerCanceled, started_event_id=6), "and was started by 7"),
    # What people send
    (buffered, changed(WorkflowExecutionSignaled, 1, request_id="a"), "stands here twice"),
    (canceled, twice(WorkflowExecutionCancelRequested), "the run was asked to cancel before"),
    (buffered, swapped(WorkflowExecutionSignaled, TimerFired, 1, 0), "behind an outcome"),
    # Updates
    (updated, changed(WorkflowExecutionUpdateAccepted, 1, protocol_instance_id="a"), "was accepted before, by event"),
    (updated, changed(WorkflowExecutionUpdateAccepted, accepted_request_sequencing_event_id=1), "did not take effect"),
    (updated, changed(WorkflowExecutionUpdateCompleted, accepted_event_id=3), "did not accept the update 'a'"),
    (updated, changed(WorkflowExecutionUpdateCompleted, update_id="c"), "did not accept the update 'c'"),
    (updated, twice(WorkflowExecutionUpdateCompleted), "was completed before"),
    # The buffer
    (buffered, without(WorkflowExecutionSignaled, 1), "WORKFLOW_EXECUTION_SIGNALED was buffered, and never became"),
    (buffered, dated(WorkflowExecutionSignaled, 1, by_us=1), "and happened at"),
    (buffered, changed(ActivityTaskCompleted, result=b"more"), "it stands before"),
    (buffered, changed(EventBuffered, event_type=EventType.TIMER_STARTED), "is not what is buffered"),
    (exhausted, without(WorkflowExecutionSignaled), "was buffered, and never became an event"),
]


@pytest.mark.parametrize(("write", "change", "text"), ILLEGAL, ids=lambda value: value if type(value) is str else "")
def test_an_illegal_history_does_not(write: Callable[[], list[HistoryEvent]], change: Change, text: str) -> None:
    found = [str(violation) for violation in violations(change(write()))]
    assert any(text in line for line in found), found


def test_a_workflow_may_not_close_over_what_it_has_not_seen() -> None:
    pen = Pen()
    pen.begin()
    pen.hold(signal("a"))
    pen.event(WorkflowExecutionCompleted(b"done", pen.complete()))
    assert "closed while new events were waiting" in str(violations(pen.records)[0])


def test_an_activity_that_is_settled_takes_no_further_attempt() -> None:
    pen = Pen()
    pen.begin()
    activity = pen.activity(pen.complete())
    pen.event(signal("a"))
    pen.schedule()
    pen.hold(ActivityTaskCompleted(b"", activity, 0), began_us=pen.now_us, identity="worker", attempt=1)
    pen.note(ActivityAttemptStarted(activity, 1, "worker", pen.now_us))
    pen.note(ActivityAttemptFailed(activity, 1, ODD, "worker", pen.now_us + 1_000_000))
    assert [violation.text for violation in violations(pen.records)] == [f"activity {activity} is over"] * 2


def test_nothing_is_no_history() -> None:
    assert [violation.text for violation in violations([])] == ["the history is empty"]


def test_an_unknown_type_is_found() -> None:
    pen = Pen()
    pen.begin()
    assert "99 is no type of event" in str(violations([*pen.records, HistoryEvent(3, 1, 99, signal("a"))])[1])
