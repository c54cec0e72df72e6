"""Deadlines: a timer is cleared exactly as it was set."""

from __future__ import annotations

from perdure.protocol.retry import RetryPolicyData
from perdure_engine.core import deadline
from perdure_engine.core.state import ActivityState
from perdure_engine.core.transition import ClearTimer, SetTimer, TimerKind, Transition
from tests.unit.perdure_engine.core.runs import SECOND_US, START_US, activity_command, running

ALL_TIMEOUTS = activity_command(
    schedule_to_close_timeout_ms=60_000,
    schedule_to_start_timeout_ms=5_000,
    start_to_close_timeout_ms=10_000,
    heartbeat_timeout_ms=2_000,
    retry_policy=RetryPolicyData(),
)


def scheduled() -> ActivityState:
    return running(ALL_TIMEOUTS).state.activities[5]


def timers(transition: Transition) -> list[tuple[str, int]]:
    """Kind and seconds of each timer that was set (+) or cleared (-)."""
    said = []
    for effect in transition.effects:
        assert isinstance(effect, SetTimer | ClearTimer)
        sign = "+" if isinstance(effect, SetTimer) else "-"
        said.append((sign + TimerKind(effect.kind).name, (effect.fire_at_us - START_US) // 1000))
    return said


def test_when_each_is_due() -> None:
    activity, transition = scheduled(), Transition()
    deadline.watch_scheduled(activity, transition)
    deadline.watch_dispatched(activity, transition)
    assert timers(transition) == [
        ("+ACTIVITY_SCHEDULE_TO_CLOSE", 60_000),
        ("+ACTIVITY_SCHEDULE_TO_START", 5_000 + deadline.START_REPORT_GRACE_MS),
    ]
    activity.reported_time_us = START_US + SECOND_US
    transition = Transition()
    deadline.watch_started(activity, START_US + SECOND_US, transition)
    assert timers(transition) == [
        ("-ACTIVITY_SCHEDULE_TO_START", 5_500),
        ("+ACTIVITY_START_TO_CLOSE", 11_000),
        ("+ACTIVITY_HEARTBEAT", 3_000),
    ]


def test_an_attempt_that_was_not_reported_has_no_running_timers() -> None:
    transition = Transition()
    deadline.clear_all(scheduled(), START_US, transition)
    assert timers(transition) == [("-ACTIVITY_SCHEDULE_TO_START", 5_500), ("-ACTIVITY_SCHEDULE_TO_CLOSE", 60_000)]


def test_an_attempt_that_runs() -> None:
    activity = scheduled()
    activity.reported_time_us = START_US + SECOND_US
    deadline.watch_started(activity, START_US + SECOND_US, Transition())
    deadline.watch_heartbeat(activity, START_US + 2 * SECOND_US, Transition())
    transition = Transition()
    deadline.clear_all(activity, START_US + 2 * SECOND_US, transition)
    assert timers(transition) == [
        ("-ACTIVITY_START_TO_CLOSE", 11_000),
        ("-ACTIVITY_HEARTBEAT", 4_000),
        ("-ACTIVITY_SCHEDULE_TO_CLOSE", 60_000),
    ]


def test_after_a_reload_the_first_check_is_the_guess() -> None:
    activity = scheduled()
    activity.reported_time_us = START_US + SECOND_US
    transition = Transition()
    deadline.clear_attempt(activity, transition)
    assert ("-ACTIVITY_HEARTBEAT", 3_000) in timers(transition)


def test_an_attempt_that_waits() -> None:
    activity = scheduled()
    activity.attempt_scheduled_time_us = START_US + SECOND_US
    assert deadline.is_waiting(activity, START_US)
    assert not deadline.is_waiting(activity, START_US + SECOND_US)
    transition = Transition()
    deadline.watch_backoff(activity, transition)
    deadline.clear_all(activity, START_US, transition)
    assert timers(transition) == [
        ("+ACTIVITY_RETRY", 1_000),
        ("-ACTIVITY_RETRY", 1_000),
        ("-ACTIVITY_SCHEDULE_TO_CLOSE", 60_000),
    ]


def test_what_has_no_timeout_has_no_timer() -> None:
    activity = running(activity_command()).state.activities[5]
    transition = Transition()
    deadline.watch_scheduled(activity, transition)
    deadline.watch_dispatched(activity, transition)
    deadline.clear_all(activity, START_US, transition)
    assert not transition.effects
