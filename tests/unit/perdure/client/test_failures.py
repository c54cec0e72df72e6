"""The client's errors say what happened, and carry what a program needs."""

from __future__ import annotations

from perdure.client import (
    WorkflowContinuedAsNewError,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from perdure.exceptions import PerdureError


def test_all_are_errors_of_perdure_with_words_and_data() -> None:
    cause = ValueError("no tea")
    failed = WorkflowFailureError(cause=cause)
    assert failed.cause is failed.__cause__ is cause
    assert "no tea" in str(failed)
    continued = WorkflowContinuedAsNewError("r2")
    assert (continued.new_execution_run_id, "r2" in str(continued)) == ("r2", True)
    rejected = WorkflowQueryRejectedError(WorkflowExecutionStatus.COMPLETED)
    assert (rejected.status, "COMPLETED" in str(rejected)) == (WorkflowExecutionStatus.COMPLETED, True)
    assert "another state" in str(WorkflowQueryRejectedError(None))
    assert WorkflowQueryFailedError("no such query").message == "no such query"
    for error in (failed, continued, rejected):
        assert isinstance(error, PerdureError)
