"""What is said of an attempt, of a workflow or not: whether it counts, and which failure it is."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from perdure.protocol.events import ActivityTaskScheduled
from perdure.protocol.failure import ApplicationInfo, CanceledInfo, Failure, TimeoutInfo, TimeoutType
from perdure.protocol.payload import PAYLOAD_SIZE_MAX
from perdure.protocol.replies import ActivityDirective, ErrorCode
from perdure.protocol.requests import (
    ActivityReport,
    RecordActivityTaskHeartbeat,
    ReportActivity,
    ReportTaskLost,
    RespondActivityTaskCanceled,
    RespondActivityTaskCompleted,
    RespondActivityTaskFailed,
)
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.tasks import TaskKind
from perdure_engine.core.activity_report import (
    directive,
    failure_of,
    heartbeat,
    loss_of,
    report_problem,
    reported_failure,
)
from perdure_engine.core.state import ActivityPhase, ActivityState
from perdure_engine.core.transition import KeepHeartbeat, Transition
from tests.unit.perdure_engine.core.runs import refusal

TOO_LARGE = b"x" * (PAYLOAD_SIZE_MAX + 1)
CHARGE = ActivityTaskScheduled("a", "charge", "q", b"", 0, 0, 60_000, 0, RetryPolicyData(), 4)
BROKEN = Failure("it broke", info=ApplicationInfo("Broken"))


def pending(**fields: Any) -> ActivityState:
    return dataclasses.replace(ActivityState(5, 1_000_000, CHARGE, heartbeat_details=b"before"), **fields)


def said(report: ActivityReport, **fields: Any) -> ReportActivity:
    blank = ReportActivity("default", "w", "run", "a", 0, 0, int(report), b"", None, b"", "request-1", "me")
    return blank._replace(**fields)


def test_a_completion_is_no_failure() -> None:
    assert failure_of(pending(), RespondActivityTaskCompleted("run", 5, 1, 0, b"out", "worker", b"", b"")) is None


def test_the_last_heartbeat_comes_with_a_failure() -> None:
    activity = pending()
    silent = RespondActivityTaskFailed("run", 5, 1, 0, BROKEN, "worker", b"", b"")
    assert failure_of(activity, silent) == BROKEN
    assert activity.heartbeat_details == b"before"
    assert failure_of(activity, silent._replace(heartbeat_details=b"after")) == BROKEN
    assert activity.heartbeat_details == b"after"


def test_an_attempt_that_stopped_by_itself_failed() -> None:
    failure = failure_of(pending(), RespondActivityTaskCanceled("run", 5, 1, 0, b"why", "worker", b"", b""))
    assert failure is not None
    assert failure.info == CanceledInfo(b"why")


@pytest.mark.parametrize(
    ("request_", "what"),
    [
        (RespondActivityTaskCompleted("run", 5, 1, 0, TOO_LARGE, "worker", b"", b""), "the result of activity"),
        (RespondActivityTaskFailed("run", 5, 1, 0, BROKEN, "worker", b"", b"", TOO_LARGE), "the heartbeat of activity"),
        (
            RespondActivityTaskCanceled("run", 5, 1, 0, TOO_LARGE, "worker", b"", b""),
            "the details of the cancellation of",
        ),
    ],
)
def test_what_is_too_large_fails_for_good(request_: Any, what: str) -> None:
    activity = pending()
    failure = failure_of(activity, request_)
    assert failure is not None
    assert failure.message.startswith(what)
    assert failure.info == ApplicationInfo("PayloadTooLarge", True)
    assert activity.heartbeat_details == b"before"


@pytest.mark.parametrize(
    ("fields", "is_lost"),
    [
        ({}, True),
        ({"worker": "worker-1"}, True),
        ({"worker": "worker-2"}, False),
        ({"worker": "", "is_detached": True}, False),
    ],
)
def test_only_who_may_hold_the_attempt_can_lose_it(fields: dict[str, Any], is_lost: bool) -> None:
    request = ReportTaskLost("run", int(TaskKind.ACTIVITY), 5, 1, "worker-1:a", b"", b"")
    failure = loss_of(pending(**fields), request)
    assert (failure is not None) == is_lost
    if failure is not None:
        assert failure.message.startswith("worker lost: worker-1:a held attempt 1")
        assert failure.info == TimeoutInfo(TimeoutType.HEARTBEAT, b"before")


def test_a_heartbeat_is_kept_and_answered() -> None:
    activity, transition = pending(is_paused=True), Transition()
    heartbeat(activity, RecordActivityTaskHeartbeat("run", 5, 1, b"half", "worker"), 2_000_000, transition)
    assert (activity.heartbeat_details, activity.heartbeat_time_us) == (b"half", 2_000_000)
    assert transition.effects == [KeepHeartbeat(5, b"half")]
    assert transition.reply_body == directive(activity) == ActivityDirective(True, False, True, False)
    refused = Transition()
    heartbeat(activity, RecordActivityTaskHeartbeat("run", 5, 1, TOO_LARGE, "worker"), 3_000_000, refused)
    assert refusal(refused).code == ErrorCode.INVALID_ARGUMENT
    assert activity.heartbeat_details == b"half"


def test_what_can_be_said_from_outside() -> None:
    out, waits = pending(), pending(attempt=2, attempt_scheduled_time_us=9_000_000)
    now_us = 2_000_000
    assert report_problem(out, said(ActivityReport.COMPLETED, data=b"out"), now_us) is None
    assert report_problem(out, said(ActivityReport.FAILED, failure=BROKEN), now_us) is None
    assert "a failure would change nothing" in str(
        report_problem(waits, said(ActivityReport.FAILED, failure=BROKEN), now_us)
    )
    assert "nobody asked" in str(report_problem(out, said(ActivityReport.CANCELED), now_us))
    asked = pending(phase=ActivityPhase.CANCEL_REQUESTED)
    assert report_problem(asked, said(ActivityReport.CANCELED), now_us) is None
    assert "cannot be reported" in str(report_problem(out, said(ActivityReport.FAILED), now_us))
    assert "request id" in str(report_problem(out, said(ActivityReport.COMPLETED, request_id=""), now_us))


def test_what_is_said_from_outside_is_a_failure_or_not() -> None:
    activity = pending()
    assert reported_failure(activity, said(ActivityReport.COMPLETED, data=b"out")) is None
    stopped = reported_failure(activity, said(ActivityReport.CANCELED, data=b"why"))
    assert stopped is not None
    assert stopped.info == CanceledInfo(b"why")
    assert reported_failure(activity, said(ActivityReport.FAILED, failure=BROKEN, heartbeat_details=b"x")) == BROKEN
    assert activity.heartbeat_details == b"x"
