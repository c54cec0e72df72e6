"""Timers of activities: what each does when it is due, and that a stale one does nothing."""

from __future__ import annotations

import pytest

from perdure.protocol.events import EventType
from perdure.protocol.failure import RetryState, TimeoutInfo, TimeoutType
from perdure_engine.core.decide import decide_timer
from perdure_engine.core.transition import Push, SetTimer, TimerKind
from tests.audited_run import AuditedRun
from tests.unit.perdure_engine.core.runs import (
    SECOND_US,
    START_US,
    activity_command,
    beat,
    complete_activity,
    fail_activity,
    names,
    record_of,
    report_started,
    running,
    signal,
)

ACTIVITY_TIMERS = [
    TimerKind.ACTIVITY_RETRY,
    TimerKind.ACTIVITY_SCHEDULE_TO_START,
    TimerKind.ACTIVITY_SCHEDULE_TO_CLOSE,
    TimerKind.ACTIVITY_START_TO_CLOSE,
    TimerKind.ACTIVITY_HEARTBEAT,
]


def fire_next(run: AuditedRun) -> tuple[TimerKind, list[str]]:
    row = min(run.timers)
    run.now_us = max(run.now_us, row[0])
    return TimerKind(row[1]), names(run.fire(row))


@pytest.mark.parametrize("kind", ACTIVITY_TIMERS)
@pytest.mark.parametrize("how", ["never there", "settled in the buffer", "of an earlier attempt"])
def test_a_stale_timer_does_nothing(kind: TimerKind, how: str) -> None:
    run = running(activity_command(retry_policy=None))
    event_id, attempt = 5, 1
    if how == "never there":
        event_id = 4
    elif how == "settled in the buffer":
        signal(run)
        complete_activity(run)
    else:
        fail_activity(run)
        run.now_us += SECOND_US
        fire_next(run)
    transition = decide_timer(run.state, kind, event_id, attempt, run.now_us)
    assert not transition.records
    assert not transition.effects
    assert transition.reply_kind is None


def test_schedule_to_start_is_over_once_the_start_is_known() -> None:
    run = running(activity_command(schedule_to_start_timeout_ms=1_000))
    report_started(run)
    assert not decide_timer(run.state, TimerKind.ACTIVITY_SCHEDULE_TO_START, 5, 1, START_US + SECOND_US).records


def test_schedule_to_start_is_not_retried() -> None:
    run = running(activity_command(schedule_to_start_timeout_ms=1_000))
    row = min(run.timers)
    run.now_us = row[0]
    timed_out = record_of(run.fire(row), EventType.ACTIVITY_TASK_TIMED_OUT).attributes
    assert timed_out.retry_state == RetryState.TIMEOUT
    assert timed_out.started_event_id == 0
    assert timed_out.failure.info == TimeoutInfo(TimeoutType.SCHEDULE_TO_START)
    assert timed_out.failure.message == "activity schedule-to-start timeout"


def test_heartbeats_move_the_check_on() -> None:
    run = running(activity_command(start_to_close_timeout_ms=60_000, heartbeat_timeout_ms=2_000))
    report_started(run)
    for _ in range(3):
        run.now_us += SECOND_US
        beat(run)
        assert fire_next(run) == (TimerKind.ACTIVITY_HEARTBEAT, [])
    assert fire_next(run) == (TimerKind.ACTIVITY_HEARTBEAT, ["ACTIVITY_ATTEMPT_FAILED"])


def test_a_worker_whose_attempt_timed_out_is_told() -> None:
    run = running(activity_command(start_to_close_timeout_ms=1_000))
    report_started(run, worker="w9")
    run.now_us += SECOND_US
    transition = run.fire(min(run.timers))
    [push] = [effect for effect in transition.effects if isinstance(effect, Push)]
    assert (push.worker, push.message.attempt, push.message.current) == ("w9", 1, False)


def test_a_reload_gives_the_attempt_one_more_timeout() -> None:
    """When it last beat is not stored: it must not be timed out for what the engine forgot."""
    run = running(activity_command(start_to_close_timeout_ms=60_000, heartbeat_timeout_ms=2_000))
    report_started(run)
    run.now_us += SECOND_US
    beat(run, b"page 7")
    run.end_batch()
    run.reload(from_snapshot=False)
    assert run.state.activities[5].heartbeat_details == b"page 7"
    run.now_us += SECOND_US
    transition = run.fire(min(run.timers))
    assert transition.effects == [SetTimer(run.now_us + 2 * SECOND_US, TimerKind.ACTIVITY_HEARTBEAT, 5, 1)]
    assert fire_next(run) == (TimerKind.ACTIVITY_HEARTBEAT, ["ACTIVITY_ATTEMPT_FAILED"])


def test_a_heartbeat_after_a_reload_is_what_counts() -> None:
    run = running(activity_command(start_to_close_timeout_ms=60_000, heartbeat_timeout_ms=2_000))
    report_started(run)
    run.end_batch()
    run.reload(from_snapshot=False)
    run.now_us += SECOND_US
    beat(run)
    run.now_us += SECOND_US
    transition = run.fire(min(run.timers))
    assert transition.effects == [SetTimer(run.now_us + SECOND_US, TimerKind.ACTIVITY_HEARTBEAT, 5, 1)]


def test_a_backoff_that_ends_too_late_to_start_in_time() -> None:
    run = running(activity_command(schedule_to_start_timeout_ms=1_000))
    fail_activity(run)
    run.now_us += 60 * SECOND_US
    assert fire_next(run) == (
        TimerKind.ACTIVITY_RETRY,
        ["ACTIVITY_TASK_TIMED_OUT", "WORKFLOW_TASK_SCHEDULED"],
    )
