"""How a run ended, as its caller gets it: a value, or an exception with its cause."""

from __future__ import annotations

from typing import Any

from perdure.client.failures import WorkflowContinuedAsNewError, WorkflowFailureError
from perdure.converter import DataConverter
from perdure.exceptions import ApplicationError, CancelledError, TerminatedError, TimeoutError, TimeoutType
from perdure.protocol.replies import ExecutionStatus, Outcome


def leads_on(outcome: Outcome) -> bool:
    """Whether another run took over: by continue-as-new, or by a retry or schedule of the workflow."""
    return bool(outcome.next_run_id)


def result_of(outcome: Outcome, converter: DataConverter, result_type: Any) -> Any:
    """The result of a completed run.

    Raises:
        WorkflowFailureError: it did not complete.
        WorkflowContinuedAsNewError: it continued as a new run.
    """
    if outcome.status == ExecutionStatus.COMPLETED:
        return converter.value_from_bytes(outcome.result, result_type)
    if outcome.status == ExecutionStatus.CONTINUED_AS_NEW:
        raise WorkflowContinuedAsNewError(outcome.next_run_id)
    raise WorkflowFailureError(cause=_cause(outcome, converter))


def _cause(outcome: Outcome, converter: DataConverter) -> BaseException:
    failure = outcome.failure
    match outcome.status:
        case ExecutionStatus.CANCELED:
            details = converter.from_bytes(outcome.result)
            return CancelledError("Workflow cancelled", *details)
        case ExecutionStatus.TERMINATED:
            details = converter.from_bytes(outcome.result)
            return TerminatedError(failure.message if failure else "Workflow terminated", *details)
        case ExecutionStatus.TIMED_OUT:
            return TimeoutError("Workflow timed out", type=TimeoutType.START_TO_CLOSE, last_heartbeat_details=[])
        case _ if failure is not None:
            return converter.from_failure(failure)
        case _:
            return ApplicationError(f"The workflow closed with status {outcome.status} and no failure")
