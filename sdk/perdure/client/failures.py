"""What a client raises when a workflow, or a question to one, does not end well."""

from __future__ import annotations

from perdure.activity.information import ActivityCancellationDetails
from perdure.client.status import WorkflowExecutionStatus
from perdure.exceptions import PerdureError


class WorkflowFailureError(PerdureError):
    """The workflow did not complete: it failed, was cancelled, was terminated or timed out.

    Attributes:
        cause: `ApplicationError` (or another `FailureError`), `CancelledError`, `TerminatedError` or `TimeoutError`.
    """

    def __init__(self, *, cause: BaseException) -> None:
        super().__init__(f"Workflow execution failed: {cause}")
        self.__cause__ = cause

    @property
    def cause(self) -> BaseException:
        cause = self.__cause__
        assert cause is not None
        return cause


class ActivityFailureError(PerdureError):
    """An activity without a workflow did not complete.

    Attributes:
        cause: `ApplicationError` (or another `FailureError`), `CancelledError`, `TerminatedError` or `TimeoutError`.
    """

    def __init__(self, *, cause: BaseException) -> None:
        super().__init__(f"Activity execution failed: {cause}")
        self.__cause__ = cause

    @property
    def cause(self) -> BaseException:
        cause = self.__cause__
        assert cause is not None
        return cause


class AsyncActivityCancelledError(PerdureError):
    """The activity that was to be kept alive by a heartbeat is to stop.

    Attributes:
        details: Why.
    """

    def __init__(self, details: ActivityCancellationDetails | None = None) -> None:
        super().__init__("Activity cancelled")
        self.details = details


class WorkflowContinuedAsNewError(PerdureError):
    """The run continued as a new one, which the caller did not want to follow."""

    def __init__(self, new_execution_run_id: str) -> None:
        super().__init__(f"Workflow continued as new, as run {new_execution_run_id}")
        self._new_execution_run_id = new_execution_run_id

    @property
    def new_execution_run_id(self) -> str:
        """The run that took over."""
        return self._new_execution_run_id


class WorkflowQueryRejectedError(PerdureError):
    """The query's reject condition holds for the state that the workflow is in."""

    def __init__(self, status: WorkflowExecutionStatus | None) -> None:
        super().__init__(f"Query rejected: the workflow is {status.name if status else 'in another state'}")
        self._status = status

    @property
    def status(self) -> WorkflowExecutionStatus | None:
        """The status that caused the rejection."""
        return self._status


class WorkflowQueryFailedError(PerdureError):
    """The query's handler raised, or there is none of that name."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self._message = message

    @property
    def message(self) -> str:
        return self._message


class WorkflowUpdateFailedError(PerdureError):
    """An update was rejected by its validator, or its handler failed."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(f"Workflow update failed: {cause}")
        self.__cause__ = cause

    @property
    def cause(self) -> BaseException:
        """Why."""
        cause = self.__cause__
        assert cause is not None
        return cause


class ScheduleAlreadyRunningError(PerdureError):
    """There is a schedule of this id already."""

    def __init__(self) -> None:
        super().__init__("Schedule already running: delete or update it, or choose another id")


class RPCTimeoutOrCancelledError(PerdureError):
    """A call was given up: it took too long, or its caller was cancelled. What was asked for may still happen."""


class WorkflowUpdateRPCTimeoutOrCancelledError(RPCTimeoutOrCancelledError):
    """Waiting for an update was given up. The update itself may go on: ask for it by its id."""

    def __init__(self) -> None:
        super().__init__("Timeout or cancellation waiting for update")
