"""What others do to an activity without a workflow."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.failure import ApplicationInfo, CanceledInfo, Failure, TerminatedInfo
from perdure.protocol.replies import ActivityDirective, CancelActivity, ErrorCode, ExecutionStatus
from perdure.protocol.requests import (
    ActivityReport,
    ReportActivity,
    RequestCancelActivity,
    RespondActivityTaskCanceled,
    TerminateActivity,
)
from tests.unit.perdure_engine.core.standalone.executions import RUN_ID, Audited, failed, refusal, reported, request

CANCEL = RequestCancelActivity("default", "mail-1", "", "not needed", "cancel-1", "client")
TERMINATE = TerminateActivity("default", "mail-1", "", "away", "end-1", "operator")


def report(kind: ActivityReport, **changes: Any) -> ReportActivity:
    told = ReportActivity("default", "", "", "mail-1", 0, 0, kind, b"", None, b"", "told-1", "human")
    return told._replace(**changes)


def test_one_that_waits_is_cancelled_at_once() -> None:
    said = Audited(request(start_delay_ms=1_000))
    said.decide(CANCEL)
    outcome = said.execution.outcome
    assert outcome is not None
    assert outcome.status == ExecutionStatus.CANCELED
    assert outcome.failure is not None
    assert isinstance(outcome.failure.info, CanceledInfo)
    assert said.execution.ended_by == "cancel-1"


def test_one_that_runs_is_told_and_ends_as_its_worker_says() -> None:
    said = Audited()
    said.decide(reported(said))
    said.decide(CANCEL)
    assert said.pushes == [CancelActivity(RUN_ID, said.execution.number, 1, True)]
    assert not said.decide(CANCEL).effects, "once is enough"
    number = said.execution.number
    said.decide(RespondActivityTaskCanceled(RUN_ID, number, 1, said.now_us, b"details", "w", b"s", b"1-0"))
    outcome = said.execution.outcome
    assert outcome is not None
    assert outcome.status == ExecutionStatus.CANCELED
    assert outcome.failure is not None
    assert outcome.failure.info == CanceledInfo(b"details")


def test_one_that_was_to_stop_and_fails_is_not_tried_again() -> None:
    said = Audited()
    said.decide(CANCEL)
    said.decide(failed(said))
    assert said.execution.status == ExecutionStatus.FAILED


def test_it_is_ended_whatever_its_worker_does() -> None:
    said = Audited()
    said.decide(reported(said))
    said.decide(TERMINATE)
    assert said.pushes == [CancelActivity(RUN_ID, said.execution.number, 1, False)]
    outcome = said.execution.outcome
    assert outcome is not None
    assert outcome.failure is not None
    assert (outcome.failure.message, outcome.failure.info) == ("away", TerminatedInfo())


@pytest.mark.parametrize("said", [CANCEL, TERMINATE])
def test_what_is_refused(said: Any) -> None:
    audited = Audited()
    assert refusal(audited.decide(said._replace(request_id=""))).code == ErrorCode.INVALID_ARGUMENT
    assert "limit is 10000" in refusal(audited.decide(said._replace(reason="x" * 10_001))).message
    assert audited.execution.outcome is None


def test_somebody_else_completes_it() -> None:
    said = Audited()
    assert said.decide(report(ActivityReport.HEARTBEAT, data=b"half")).reply_body == ActivityDirective(True, False)
    said.decide(report(ActivityReport.COMPLETED, data=b"out"))
    outcome = said.execution.outcome
    assert outcome is not None
    assert (outcome.status, outcome.result) == (ExecutionStatus.COMPLETED, b"out")
    assert said.execution.ended_by == "told-1"


def test_somebody_else_lets_it_fail() -> None:
    said = Audited()
    failure = Failure.of("no", ApplicationInfo("E"))
    told = report(ActivityReport.FAILED, failure=failure, heartbeat_details=b"half", attempt=1)
    said.decide(told)
    assert said.execution.attempt == 2
    assert said.execution.heartbeat_details == b"half"
    assert refusal(said.decide(told)).code == ErrorCode.NOT_FOUND, "that attempt is over"
    assert "would change nothing" in refusal(said.decide(told._replace(attempt=0))).message


def test_a_cancellation_is_reported_when_it_was_asked_for() -> None:
    said = Audited()
    assert "nobody asked" in refusal(said.decide(report(ActivityReport.CANCELED))).message
    said.decide(CANCEL)
    said.decide(report(ActivityReport.CANCELED, data=b"details"))
    assert said.execution.status == ExecutionStatus.CANCELED


def test_reports_that_cannot_be() -> None:
    said = Audited()
    assert "cannot be reported as 3" in refusal(said.decide(report(ActivityReport.FAILED))).message
    assert "request id" in refusal(said.decide(report(ActivityReport.COMPLETED, request_id=""))).message
    assert "the limit is" in refusal(said.decide(report(ActivityReport.COMPLETED, data=b"x" * 2_200_000))).message
