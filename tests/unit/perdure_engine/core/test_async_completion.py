"""Completion from outside; the story of it is in `tests/transcripts/stories/completed_from_outside.txt`."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.commands import RequestCancelActivityTask
from perdure.protocol.events import EventType
from perdure.protocol.failure import ApplicationInfo, Failure, TimeoutInfo, TimeoutType
from perdure.protocol.payload import PAYLOAD_SIZE_MAX
from perdure.protocol.replies import ActivityDirective, ErrorCode, ReplyKind
from perdure.protocol.requests import (
    ActivityReport,
    RecordActivityTaskStarted,
    ReportActivity,
    ReportTaskLost,
    RespondActivityTaskDetached,
)
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.tasks import TaskKind
from perdure_engine.core.transition import DETACHED, KeepWorker, Remember, TimerKind, Transition
from tests.audited_run import AuditedRun
from tests.unit.perdure_engine.core.runs import (
    RUN_ID,
    SECOND_US,
    STREAM,
    activity_command,
    complete_activity,
    fail_activity,
    go_on,
    names,
    record_of,
    refusal,
    report_started,
    running,
)

TOO_LARGE = b"x" * (PAYLOAD_SIZE_MAX + 1)
BROKEN = Failure.of("it broke", ApplicationInfo("Odd"))


def detach(run: AuditedRun, event_id: int = 5, attempt: int = 1) -> Transition:
    return run.decide(RespondActivityTaskDetached(RUN_ID, event_id, attempt, run.now_us, "w1", *STREAM))


def report(run: AuditedRun, what: ActivityReport, **changes: Any) -> Transition:
    request = ReportActivity("default", "order-7", "", "a", 0, 0, what, b"data", None, b"", "report-1", "outside")
    return run.decide(request._replace(**changes))


def test_a_detached_attempt_is_nobodys() -> None:
    run = running(activity_command())
    transition = detach(run)
    assert names(transition) == ["ACTIVITY_ATTEMPT_DETACHED"]
    assert KeepWorker(5, 1, DETACHED) in transition.effects
    assert not run.decide(ReportTaskLost(RUN_ID, TaskKind.ACTIVITY, 5, 1, "w1", *STREAM)).records
    run.now_us += SECOND_US
    assert run.decide(RecordActivityTaskStarted(RUN_ID, 5, 1, run.now_us, "w2")).reply_body == ActivityDirective(
        False, False
    ), "an attempt that was let go of runs at no worker"


def test_its_timeouts_hold() -> None:
    run = running(activity_command(heartbeat_timeout_ms=3_000))
    detach(run)
    run.end_batch()
    run.reload(from_snapshot=False)
    assert sorted(row[1] for row in run.timers) == [TimerKind.ACTIVITY_START_TO_CLOSE, TimerKind.ACTIVITY_HEARTBEAT]
    report(run, ActivityReport.HEARTBEAT, request_id="")
    run.now_us += 10 * SECOND_US
    [failed] = run.fire(run.due()[0]).records
    assert failed.event_type == EventType.ACTIVITY_ATTEMPT_FAILED
    assert failed.attributes.heartbeat_details == b"data"
    assert failed.attributes.failure.info == TimeoutInfo(failed.attributes.failure.info.timeout_type, b"data")
    assert failed.attributes.failure.info.timeout_type in (TimeoutType.START_TO_CLOSE, TimeoutType.HEARTBEAT)


def test_the_next_attempt_is_a_workers_again() -> None:
    run = running(activity_command(retry_policy=RetryPolicyData(initial_interval_ms=0)))
    detach(run)
    report(run, ActivityReport.FAILED, data=b"", failure=BROKEN)
    assert report_started(run, attempt=2).reply_body == ActivityDirective(True, False)
    assert names(run.decide(ReportTaskLost(RUN_ID, TaskKind.ACTIVITY, 5, 2, "w1", *STREAM))) == [
        "ACTIVITY_ATTEMPT_FAILED"
    ]


def test_an_outcome_is_remembered_by_its_request() -> None:
    run = running(activity_command())
    detach(run)
    assert Remember("report-1") in report(run, ActivityReport.COMPLETED).effects
    assert refusal(report(run, ActivityReport.COMPLETED, request_id="report-2")).code == ErrorCode.NOT_FOUND
    refusal(detach(run))
    refusal(complete_activity(run))


def test_a_token_means_one_attempt() -> None:
    run = running(activity_command())
    token = {"activity_id": "", "scheduled_event_id": 5, "attempt": 2}
    message = refusal(report(run, ActivityReport.COMPLETED, **token)).message
    assert message == f"attempt 2 of activity 5 is not pending in run {RUN_ID}"
    assert report(run, ActivityReport.COMPLETED, **{**token, "attempt": 1}).reply_kind == ReplyKind.OK


@pytest.mark.parametrize(
    ("what", "changes", "problem"),
    [
        (ActivityReport.COMPLETED, {"data": TOO_LARGE}, "the result of activity 'charge' came to 2097153 bytes"),
        (ActivityReport.COMPLETED, {"request_id": ""}, "request id must not be empty"),
        (ActivityReport.CANCELED, {}, "nobody asked activity 'charge' to stop; complete it, or let it fail"),
        (ActivityReport.FAILED, {}, "an activity cannot be reported as 3"),
        (ActivityReport.FAILED, {"failure": BROKEN, "heartbeat_details": TOO_LARGE}, "the heartbeat of activity"),
        (7, {}, "an activity cannot be reported as 7"),
        (ActivityReport.HEARTBEAT, {"data": TOO_LARGE}, "the heartbeat of activity 'charge' came to 2097153 bytes"),
    ],
)
def test_what_cannot_be_reported(what: Any, changes: dict[str, Any], problem: str) -> None:
    run = running(activity_command())
    detach(run)
    refused = refusal(report(run, what, **changes))
    assert refused.code == ErrorCode.INVALID_ARGUMENT
    assert refused.message.startswith(problem)


def test_details_of_a_cancellation_have_their_limit() -> None:
    run = running(activity_command(), activity_command("b"))
    complete_activity(run, 6)
    go_on(run, RequestCancelActivityTask(5))
    assert "the details of the cancellation" in refusal(report(run, ActivityReport.CANCELED, data=TOO_LARGE)).message
    assert names(report(run, ActivityReport.CANCELED))[-2:] == ["ACTIVITY_TASK_CANCELED", "WORKFLOW_TASK_SCHEDULED"]


def test_one_that_waits_for_its_next_attempt_can_be_ended_by_its_id() -> None:
    run = running(activity_command())
    fail_activity(run)
    refused = refusal(report(run, ActivityReport.FAILED, data=b"", failure=BROKEN))
    assert refused.message.startswith("activity 'charge' waits for attempt 2: a failure would change nothing")
    transition = report(run, ActivityReport.COMPLETED)
    assert names(transition) == ["ACTIVITY_TASK_STARTED", "ACTIVITY_TASK_COMPLETED", "WORKFLOW_TASK_SCHEDULED"]
    assert record_of(transition, EventType.ACTIVITY_TASK_STARTED).attributes.attempt == 2
    assert not run.timers
