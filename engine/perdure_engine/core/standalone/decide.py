"""`decide`: one request or timer, one execution, one moment; what follows from it (see `core.decide`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.protocol.requests import (
    RecordActivityTaskHeartbeat,
    RecordActivityTaskStarted,
    ReportActivity,
    ReportTaskLost,
    RequestCancelActivity,
    RespondActivityTaskCanceled,
    RespondActivityTaskCompleted,
    RespondActivityTaskDetached,
    RespondActivityTaskFailed,
    TerminateActivity,
)
from perdure_engine.core.standalone import control, reports, timeouts
from perdure_engine.core.standalone.execution import ActivityExecution
from perdure_engine.core.state import Bug
from perdure_engine.core.transition import TimerKind, Transition


def decide(execution: ActivityExecution, request: Any, now_us: int) -> Transition:
    """What `request` (one of those in `DECIDED`) does to an open execution, which it changes."""
    if execution.outcome is not None:
        raise Bug(f"execution {execution.activity_run_id} is closed: {type(request).__name__} is not for the machines")
    machine = DECIDED.get(type(request))
    if machine is None:
        raise Bug(f"no machine decides {type(request).__name__} of an activity without a workflow")
    transition = Transition()
    machine(execution, request, now_us, transition)
    return transition


DECIDED: dict[type[Any], Callable[[ActivityExecution, Any, int, Transition], None]] = {
    RespondActivityTaskCompleted: reports.end,
    RespondActivityTaskFailed: reports.end,
    RespondActivityTaskCanceled: reports.end,
    RespondActivityTaskDetached: reports.detach,
    RecordActivityTaskStarted: reports.report_started,
    RecordActivityTaskHeartbeat: reports.heartbeat,
    ReportTaskLost: reports.lose,
    RequestCancelActivity: control.request_cancel,
    TerminateActivity: control.terminate,
    ReportActivity: control.report,
}
"""Each request that changes an open execution, and the machine that decides it."""


def decide_timer(execution: ActivityExecution, kind: int, attempt: int, now_us: int) -> Transition:
    """A timer of an open execution is due. One with attempt 0 is of the whole execution; one of an attempt that is over
    is stale. The caller removes its row, whatever comes of it."""
    machine = TIMED.get(kind)
    if machine is None:
        raise Bug(f"execution {execution.activity_run_id}: no machine for a timer of kind {kind}")
    transition = Transition()
    if execution.outcome is None and attempt in (0, execution.attempt):
        machine(execution, now_us, transition)
    return transition


TIMED: dict[int, Callable[[ActivityExecution, int, Transition], None]] = {
    TimerKind.ACTIVITY_RETRY: timeouts.end_backoff,
    TimerKind.ACTIVITY_SCHEDULE_TO_START: timeouts.time_out_start,
    TimerKind.ACTIVITY_SCHEDULE_TO_CLOSE: timeouts.time_out_execution,
    TimerKind.ACTIVITY_START_TO_CLOSE: timeouts.time_out_attempt,
    TimerKind.ACTIVITY_HEARTBEAT: timeouts.check_heartbeat,
}
"""Each kind of timer, and what is done when one is due."""
