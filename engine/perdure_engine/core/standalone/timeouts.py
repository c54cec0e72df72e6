"""Timeouts of an activity without a workflow: what each of its timers does when it is due.

See `core.activity_timeout`, whose rules these are.
"""

from __future__ import annotations

from perdure.protocol.failure import TimeoutType
from perdure.protocol.replies import ExecutionStatus
from perdure_engine.core import deadline
from perdure_engine.core.activity_timeout import timeout_failure
from perdure_engine.core.standalone.attempt import close, dispatch, fail
from perdure_engine.core.standalone.control import tell
from perdure_engine.core.standalone.execution import ActivityExecution
from perdure_engine.core.transition import Transition


def end_backoff(execution: ActivityExecution, now_us: int, transition: Transition) -> None:
    """Dispatch the attempt that waited, unless this comes so late that it could no longer start in time."""
    timeout_ms = execution.attributes.schedule_to_start_timeout_ms
    if timeout_ms and deadline.schedule_to_start_at_us(execution) <= now_us:
        _end(execution, TimeoutType.SCHEDULE_TO_START, now_us, transition)
    else:
        dispatch(execution, transition)


def time_out_start(execution: ActivityExecution, now_us: int, transition: Transition) -> None:
    """No worker began the attempt in time."""
    if not execution.reported_time_us:
        _end(execution, TimeoutType.SCHEDULE_TO_START, now_us, transition)


def time_out_execution(execution: ActivityExecution, now_us: int, transition: Transition) -> None:
    """The time for all attempts together is over."""
    _end(execution, TimeoutType.SCHEDULE_TO_CLOSE, now_us, transition)


def time_out_attempt(execution: ActivityExecution, now_us: int, transition: Transition) -> None:
    """The attempt ran for too long."""
    _end_attempt(execution, TimeoutType.START_TO_CLOSE, now_us, transition)


def check_heartbeat(execution: ActivityExecution, now_us: int, transition: Transition) -> None:
    """End the attempt if there was no heartbeat in time, else set the next check. After a reload the times of earlier
    heartbeats are not known: the attempt gets one more timeout to show life."""
    reloaded = execution.heartbeat_check_us == 0
    heard_us = execution.heartbeat_time_us or (now_us if reloaded else 0)
    if heard_us + execution.attributes.heartbeat_timeout_ms * 1000 > now_us:
        deadline.watch_heartbeat(execution, heard_us, transition)
    else:
        _end_attempt(execution, TimeoutType.HEARTBEAT, now_us, transition)


def _end_attempt(execution: ActivityExecution, kind: TimeoutType, now_us: int, transition: Transition) -> None:
    tell(execution, transition, wanted=False)
    failure = timeout_failure(execution, kind)
    fail(execution, failure, execution.worker, execution.started_time_us, now_us, transition)


def _end(execution: ActivityExecution, kind: TimeoutType, now_us: int, transition: Transition) -> None:
    tell(execution, transition, wanted=False)
    failure = timeout_failure(execution, kind)
    close(execution, ExecutionStatus.TIMED_OUT, now_us, transition, failure=failure)
