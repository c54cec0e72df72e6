"""How a run ended, as its caller gets it."""

from __future__ import annotations

import pytest

from perdure.client import WorkflowContinuedAsNewError, WorkflowFailureError
from perdure.client.outcome import leads_on, result_of
from perdure.exceptions import ApplicationError, CancelledError, TerminatedError, TimeoutError
from perdure.protocol.failure import ApplicationInfo, Failure, TerminatedInfo
from perdure.protocol.replies import ExecutionStatus, Outcome
from tests.unit.perdure.client.greeting import CONVERTER

DETAILS = CONVERTER.to_bytes(["half done"])


def cause_of(outcome: Outcome) -> BaseException:
    with pytest.raises(WorkflowFailureError) as caught:
        result_of(outcome, CONVERTER, None)
    return caught.value.cause


def test_a_completed_run_gives_its_result_by_its_type() -> None:
    outcome = Outcome("r", ExecutionStatus.COMPLETED, CONVERTER.to_bytes([[1, 2]]))
    assert result_of(outcome, CONVERTER, None) == [1, 2]
    assert result_of(outcome, CONVERTER, tuple[int, int]) == (1, 2)
    assert result_of(Outcome("r", ExecutionStatus.COMPLETED), CONVERTER, None) is None


def test_a_failed_run_raises_its_failure() -> None:
    failure = Failure.of("no tea", ApplicationInfo("TeaError"))
    cause = cause_of(Outcome("r", ExecutionStatus.FAILED, failure=failure))
    assert isinstance(cause, ApplicationError)
    assert (cause.message, cause.type) == ("no tea", "TeaError")
    assert isinstance(cause_of(Outcome("r", ExecutionStatus.FAILED)), ApplicationError)


def test_a_cancelled_run_raises_with_its_details() -> None:
    cause = cause_of(Outcome("r", ExecutionStatus.CANCELED, DETAILS))
    assert isinstance(cause, CancelledError)
    assert list(cause.details) == ["half done"]


def test_a_terminated_run_raises_with_its_reason() -> None:
    failure = Failure.of("enough", TerminatedInfo())
    cause = cause_of(Outcome("r", ExecutionStatus.TERMINATED, DETAILS, failure))
    assert isinstance(cause, TerminatedError)
    assert (cause.message, list(cause.details)) == ("enough", ["half done"])


def test_a_run_out_of_time_raises_a_timeout() -> None:
    assert isinstance(cause_of(Outcome("r", ExecutionStatus.TIMED_OUT)), TimeoutError)


def test_a_continued_run_leads_on() -> None:
    outcome = Outcome("r", ExecutionStatus.CONTINUED_AS_NEW, next_run_id="r2")
    assert leads_on(outcome)
    assert not leads_on(Outcome("r", ExecutionStatus.COMPLETED))
    with pytest.raises(WorkflowContinuedAsNewError, match="r2"):
        result_of(outcome, CONVERTER, None)
