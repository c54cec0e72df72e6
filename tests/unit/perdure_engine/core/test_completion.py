"""A workflow task completes: its events, its commands, what was buffered, and the next task."""

from __future__ import annotations

import pytest

from perdure.protocol.commands import CompleteWorkflowExecution, StartTimer
from perdure.protocol.events import EventType, HistoryEvent, decode_records
from perdure.protocol.replies import ErrorCode, ReplyKind
from perdure.protocol.tasks import TaskKind, WorkflowTask, decode_task
from perdure_engine.core import limits
from perdure_engine.core.transition import Dispatch, Warn
from tests.unit.perdure_engine.core.runs import (
    RUN_ID,
    SECOND_US,
    START_US,
    begun,
    break_down,
    go_on,
    names,
    record_of,
    refusal,
    running,
    signal,
)
from tests.unit.perdure_engine.core.test_update import reject, update


def test_events_come_in_order() -> None:
    run = begun()
    signal(run)
    transition = go_on(run, StartTimer("nap", 5_000))
    assert names(transition) == [
        "WORKFLOW_TASK_STARTED",
        "WORKFLOW_TASK_COMPLETED",
        "TIMER_STARTED",
        "WORKFLOW_EXECUTION_SIGNALED",
        "WORKFLOW_TASK_SCHEDULED",
    ]


def test_the_next_task_carries_what_the_worker_lacks() -> None:
    run = running(StartTimer("nap", 5_000))
    signal(run)
    dispatch = run.tasks[TaskKind.WORKFLOW, 7]
    task = decode_task(dispatch.data)
    assert isinstance(task, WorkflowTask)
    assert (dispatch.worker, task.continues_from) == ("w1", 4)
    assert [event.event_id for event in decode_records(task.events)] == [5, 6, 7]


def test_a_worker_that_does_not_cache_gets_no_sticky_task() -> None:
    run = begun()
    go_on(run, sticky_worker="")
    signal(run)
    assert run.tasks[TaskKind.WORKFLOW, 6].worker == ""


def test_a_completion_counts_once() -> None:
    run = begun()
    completion = {"scheduled_event_id": 2, "attempt": 1}
    go_on(run)
    signal(run)
    reply = refusal(go_on(run, **completion))
    assert reply.code == ErrorCode.NOT_FOUND
    assert reply.message == (
        f"workflow task 2 attempt 1 of run {RUN_ID} is no longer the current one; drop it and the cached instance"
    )
    refusal(go_on(run, attempt=2))


def test_time_stays_within_what_is_possible() -> None:
    for said_us, told_us in ((0, START_US), (START_US + 3, START_US + 3), (2**60, START_US + SECOND_US)):
        run = begun()
        run.now_us += SECOND_US
        started = record_of(go_on(run, started_time_us=said_us), EventType.WORKFLOW_TASK_STARTED)
        assert started.time_us == told_us


def test_a_transient_task_gets_its_event_at_last() -> None:
    run = begun()
    break_down(run)
    run.now_us += SECOND_US
    transition = go_on(run, CompleteWorkflowExecution(b"done"))
    scheduled: HistoryEvent = transition.records[0]
    assert (scheduled.event_id, scheduled.event_type) == (5, EventType.WORKFLOW_TASK_SCHEDULED)
    assert (scheduled.time_us, scheduled.attributes.attempt) == (START_US, 2)
    assert transition.reply_kind == ReplyKind.OK


@pytest.mark.parametrize("limit", ["HISTORY_LENGTH_MAX", "HISTORY_SIZE_MAX"])
def test_a_history_without_end_is_ended(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    run = running(StartTimer("nap", 60_000))
    signal(run, "r1")
    signal(run, "r2")
    run.end_batch()
    monkeypatch.setattr(limits, limit, 5)
    transition = go_on(run, StartTimer("other", 60_000))
    assert names(transition)[2:] == [
        "TIMER_STARTED",
        "WORKFLOW_EXECUTION_SIGNALED",
        "WORKFLOW_EXECUTION_TERMINATED",
    ]
    terminated = transition.records[-1].attributes
    assert terminated.identity == "engine"
    assert terminated.reason.startswith("the history has 11 events in ")
    assert terminated.reason.endswith(" bytes: do the work in several runs")
    assert not run.timers


@pytest.mark.parametrize("limit", ["HISTORY_LENGTH_MAX", "HISTORY_SIZE_MAX"])
def test_a_long_history_is_told_of_once(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    run = running(StartTimer("nap", 60_000))
    run.end_batch()
    size = {"HISTORY_LENGTH_MAX": 10 * 5, "HISTORY_SIZE_MAX": run.state.history_size_bytes * 5}[limit]
    monkeypatch.setattr(limits, limit, size)
    warned = []
    for number in range(4):
        signal(run, f"r{number}")
        warned.append([effect for effect in go_on(run).effects if isinstance(effect, Warn)])
        run.end_batch()
    first = warned.index(next(found for found in warned if found))
    assert first > 0
    assert sum(map(len, warned)) == 1
    assert warned[first][0].message.startswith("its history has come to ")
    assert run.state.is_open


def test_another_task_follows_at_once_if_the_worker_wants_one() -> None:
    """Local activities still run there: what comes of them needs a task to be told in."""
    run = begun()
    transition = go_on(run, wants_new_task=True)
    assert names(transition) == ["WORKFLOW_TASK_STARTED", "WORKFLOW_TASK_COMPLETED", "WORKFLOW_TASK_SCHEDULED"]
    [dispatched] = [effect for effect in transition.effects if isinstance(effect, Dispatch)]
    assert dispatched.worker == "w1"


def test_a_task_that_only_rejects_is_kept_if_the_worker_wants_another() -> None:
    """A local activity was begun in it: the instance stands beyond the task, and cannot go back."""
    run = running()
    update(run)
    transition = go_on(run, reject(), wants_new_task=True)
    assert names(transition) == [
        "WORKFLOW_TASK_SCHEDULED",
        "WORKFLOW_TASK_STARTED",
        "WORKFLOW_TASK_COMPLETED",
        "WORKFLOW_TASK_SCHEDULED",
    ]
    assert transition.reply_body is None, "the worker is not sent back to where it was"
