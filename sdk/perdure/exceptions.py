"""What users catch, and what the parts of Perdure raise, by what the caller must do about it.

- `FailureError` and its subclasses: recorded in history. Raised by user code, or handed to it with an outcome.
- `RequestError`: a request is refused: it says what was wrong, what is allowed, and what to do.
- `ConditionError`: an expected race: reload, or drop what was to be done.
- `TransientError`: try again, a bounded number of times, with jitter.
- `UnknownOutcome`: it may have happened or not: read back before anything else. Never a kind of transient.
- `WorkflowTaskError`: fails the workflow task, which is tried again; the workflow stays as it was.
- `Bug`: an invariant of ours is broken: stop this run, keep the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from enum import IntEnum
from typing import Any

from perdure.protocol.failure import QUEUE_THROTTLED, THROTTLED, ErrorCategory, Failure, RetryState, TimeoutType

__all__ = [
    "ActivityAlreadyStartedError",
    "ActivityError",
    "ApplicationError",
    "ApplicationErrorCategory",
    "Bug",
    "CancelledError",
    "ChildWorkflowError",
    "ConditionError",
    "FailureError",
    "PayloadSizeError",
    "PerdureError",
    "RequestError",
    "RetryState",
    "ServerError",
    "TemporalError",
    "TerminatedError",
    "ThrottledError",
    "TimeoutError",
    "TimeoutType",
    "TransientError",
    "UnknownOutcome",
    "WorkflowAlreadyStartedError",
    "WorkflowTaskError",
    "is_cancelled_exception",
]


class PerdureError(Exception):
    """Base of everything that Perdure raises on purpose."""

    @property
    def cause(self) -> BaseException | None:
        """The same as `__cause__`."""
        return self.__cause__


TemporalError = PerdureError
"""The name that programs written for `temporalio` know."""


class RequestError(PerdureError):
    """A request is refused. The text says what was wrong, what is allowed, and what to do."""


class ConditionError(PerdureError):
    """What was to be done is no longer wanted, because something else came first."""


class TransientError(PerdureError):
    """A part cannot be reached, or is not ready, for now."""


class UnknownOutcome(PerdureError):
    """A write was sent and its answer is lost."""


class WorkflowTaskError(PerdureError):
    """A workflow task cannot be completed with this code, or on this worker. The task fails and is tried again."""


class Bug(PerdureError):
    """An invariant of Perdure is broken. Please report it with the text."""


class FailureError(PerdureError):
    """A failure that history records. A workflow that raises one fails; any other exception fails its task only."""

    def __init__(
        self, message: str, *, failure: Failure | None = None, exc_args: tuple[Any, ...] | None = None
    ) -> None:
        super().__init__(*((message,) if exc_args is None else exc_args))
        self._message = message
        self._failure = failure

    @property
    def message(self) -> str:
        return self._message

    @property
    def failure(self) -> Failure | None:
        """The recorded failure that this error was made from, if it came from history."""
        return self._failure


class WorkflowAlreadyStartedError(FailureError):
    """A run of this workflow id is open (or, by its reuse policy, was closed).

    Attributes:
        workflow_id: The id that is taken.
        workflow_type: The type that was to be started.
        run_id: The run that holds the id, when known.
        first_run_id: The first run of its chain, when known.
    """

    def __init__(
        self, workflow_id: str, workflow_type: str, *, run_id: str | None = None, first_run_id: str | None = None
    ) -> None:
        super().__init__("Workflow execution already started")
        self.workflow_id = workflow_id
        self.workflow_type = workflow_type
        self.run_id = run_id
        self.first_run_id = first_run_id


class ActivityAlreadyStartedError(FailureError):
    """An activity of this id is open (or, by its reuse policy, was closed).

    Attributes:
        activity_id: The id that is taken.
        activity_type: The type that was to be started.
        run_id: The execution that holds the id, when known.
    """

    def __init__(self, activity_id: str, activity_type: str, *, run_id: str | None = None) -> None:
        super().__init__("Activity execution already started")
        self.activity_id = activity_id
        self.activity_type = activity_type
        self.run_id = run_id


class ApplicationErrorCategory(IntEnum):
    """Severity of an application error. BENIGN ones are expected and logged quietly."""

    UNSPECIFIED = ErrorCategory.UNSPECIFIED
    BENIGN = ErrorCategory.BENIGN


class ApplicationError(FailureError):
    """Raised by user code, in an activity or a workflow.

    Args:
        message: What happened.
        details: Values that travel with it.
        type: A name that `non_retryable_error_types` may contain.
        non_retryable: No further attempt, whatever the retry policy.
        next_retry_delay: Wait this long before the next attempt, instead of the policy's backoff.
        category: Severity.
    """

    def __init__(
        self,
        message: str,
        *details: Any,
        type: str | None = None,
        non_retryable: bool = False,
        next_retry_delay: timedelta | None = None,
        category: ApplicationErrorCategory = ApplicationErrorCategory.UNSPECIFIED,
    ) -> None:
        super().__init__(message, exc_args=(f"{type}: {message}" if type else message,))
        self._details = details
        self._type = type
        self._non_retryable = non_retryable
        self._next_retry_delay = next_retry_delay
        self._category = category

    @property
    def details(self) -> Sequence[Any]:
        return self._details

    @property
    def type(self) -> str | None:
        return self._type

    @property
    def non_retryable(self) -> bool:
        """Whether it was marked so; a retry policy may rule out a further attempt by itself."""
        return self._non_retryable

    @property
    def next_retry_delay(self) -> timedelta | None:
        return self._next_retry_delay

    @property
    def category(self) -> ApplicationErrorCategory:
        return self._category


class ThrottledError(ApplicationError):
    """Raised by an activity that was told to come back later, as by an HTTP 429: its attempt is made again after that
    time, and nothing else of its fairness key, or of its task queue, is handed out before.

    Args:
        retry_after: How long; a number is in seconds. At most a day.
        whole_queue: Hold the whole task queue, and not only the task's fairness key. A task without a key holds the
            queue in any case.
        message: What happened.

    Raises:
        ValueError: `retry_after` is not positive.
    """

    def __init__(
        self,
        retry_after: timedelta | float,
        *,
        whole_queue: bool = False,
        message: str = "told to come back later",
    ) -> None:
        delay = retry_after if isinstance(retry_after, timedelta) else timedelta(seconds=retry_after)
        if delay <= timedelta():
            raise ValueError(f"retry_after is {retry_after}; it must be positive")
        super().__init__(
            f"{message} (after {delay.total_seconds():g} s)",
            type=QUEUE_THROTTLED if whole_queue else THROTTLED,
            next_retry_delay=delay,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """It may come from another process."""
        return type(self), (self.next_retry_delay,), self.__dict__


class PayloadSizeError(ApplicationError):
    """Values are larger than a payload may be. Trying again cannot help, so it is not retryable."""

    def __init__(self, size: int, limit: int, what: str = "the values", form: str = "encoded") -> None:
        super().__init__(
            f"{what} take {size:,} bytes when {form}, the limit is {limit:,}; keep large content in a store of "
            "your own and pass a reference to it",
            type="PayloadSizeError",
            non_retryable=True,
        )
        self.size = size
        self.limit = limit


class CancelledError(FailureError):
    """A workflow, activity or child was cancelled. (Code that is being cancelled sees `asyncio.CancelledError`.)"""

    def __init__(self, message: str = "Cancelled", *details: Any) -> None:
        super().__init__(message)
        self._details = details

    @property
    def details(self) -> Sequence[Any]:
        return self._details


class TerminatedError(FailureError):
    """A workflow was terminated."""

    def __init__(self, message: str, *details: Any) -> None:
        super().__init__(message)
        self._details = details

    @property
    def details(self) -> Sequence[Any]:
        return self._details


class TimeoutError(FailureError):
    """An activity or a workflow ran out of one of its times."""

    def __init__(self, message: str, *, type: TimeoutType | None, last_heartbeat_details: Sequence[Any]) -> None:
        super().__init__(message)
        self._type = type
        self._last_heartbeat_details = last_heartbeat_details

    @property
    def type(self) -> TimeoutType | None:
        return self._type

    @property
    def last_heartbeat_details(self) -> Sequence[Any]:
        return self._last_heartbeat_details


class ServerError(FailureError):
    """A failure made by an engine."""

    def __init__(self, message: str, *, non_retryable: bool = False) -> None:
        super().__init__(message)
        self._non_retryable = non_retryable

    @property
    def non_retryable(self) -> bool:
        return self._non_retryable


class ActivityError(FailureError):
    """What a workflow gets for an activity that failed; its cause says why."""

    def __init__(
        self,
        message: str,
        *,
        scheduled_event_id: int,
        started_event_id: int,
        identity: str,
        activity_type: str,
        activity_id: str,
        retry_state: RetryState | None,
    ) -> None:
        super().__init__(message)
        self._scheduled_event_id = scheduled_event_id
        self._started_event_id = started_event_id
        self._identity = identity
        self._activity_type = activity_type
        self._activity_id = activity_id
        self._retry_state = retry_state

    @property
    def scheduled_event_id(self) -> int:
        return self._scheduled_event_id

    @property
    def started_event_id(self) -> int:
        return self._started_event_id

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def activity_type(self) -> str:
        return self._activity_type

    @property
    def activity_id(self) -> str:
        return self._activity_id

    @property
    def retry_state(self) -> RetryState | None:
        """Why there is no further attempt."""
        return self._retry_state


class ChildWorkflowError(FailureError):
    """What a workflow gets for a child that failed; its cause says why."""

    def __init__(
        self,
        message: str,
        *,
        namespace: str,
        workflow_id: str,
        run_id: str,
        workflow_type: str,
        initiated_event_id: int,
        started_event_id: int,
        retry_state: RetryState | None,
    ) -> None:
        super().__init__(message)
        self._namespace = namespace
        self._workflow_id = workflow_id
        self._run_id = run_id
        self._workflow_type = workflow_type
        self._initiated_event_id = initiated_event_id
        self._started_event_id = started_event_id
        self._retry_state = retry_state

    @property
    def namespace(self) -> str:
        return self._namespace

    @property
    def workflow_id(self) -> str:
        return self._workflow_id

    @property
    def run_id(self) -> str:
        return self._run_id

    @property
    def workflow_type(self) -> str:
        return self._workflow_type

    @property
    def initiated_event_id(self) -> int:
        return self._initiated_event_id

    @property
    def started_event_id(self) -> int:
        return self._started_event_id

    @property
    def retry_state(self) -> RetryState | None:
        return self._retry_state


def is_cancelled_exception(exception: BaseException) -> bool:
    """Whether an exception means "cancelled", in whichever of its forms."""
    if isinstance(exception, asyncio.CancelledError | CancelledError):
        return True
    return isinstance(exception, ActivityError | ChildWorkflowError) and isinstance(exception.cause, CancelledError)
