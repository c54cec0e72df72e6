"""A local activity as the workflow that called it holds it."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from perdure.exceptions import ActivityError, CancelledError, RetryState, TimeoutError
from perdure.execution.called_future import CalledFuture, CallOwner
from perdure.execution.local_activities import LocalActivities, LocalCall
from perdure.execution.local_marker import LocalOutcome
from perdure.execution.source_lines import calling_line
from perdure.workflow.activity_options import ActivityCancellationType, ActivityHandle


class LocalActivityOwner(CallOwner, Protocol):
    """What a local activity asks of its workflow."""

    @property
    def local_activities(self) -> LocalActivities: ...
    def start_timer(
        self, seconds: float, callback: Any, args: tuple[Any, ...], context: Any, summary: str
    ) -> asyncio.TimerHandle: ...


class LocalActivityFuture(CalledFuture[LocalActivityOwner], ActivityHandle[Any]):
    """See the module's docstring."""

    __slots__ = (
        "_awaited_at_once",
        "_call",
        "_cancellation_type",
        "_is_cancel_requested",
        "_order",
        "_owner",
        "_result_type",
        "_timer",
        "line",
    )

    def __init__(
        self,
        owner: LocalActivityOwner,
        call: LocalCall,
        result_type: Any,
        awaited_at_once: bool,
        cancellation_type: int,
    ) -> None:
        super().__init__(loop=owner.loop)
        self._order = owner.loop.next_order()
        self._owner = owner
        self._call = call
        self._result_type = result_type
        self._awaited_at_once = awaited_at_once
        self._cancellation_type = cancellation_type
        self._is_cancel_requested = False
        self._timer: asyncio.TimerHandle | None = None
        self.line = calling_line() if owner.replaying else ""
        owner.local_activities.ask(call, self)

    # Outcomes --------------------------------------------------------------------------------------------------------
    def take(self, outcome: LocalOutcome) -> None:
        """This came of it."""
        if outcome.backoff_ms:
            self._call = self._call._replace(attempt=outcome.attempt + 1)
            self._timer = self._owner.start_timer(outcome.backoff_ms / 1000, self._try_again, (), None, "")
            return
        if outcome.failure is not None:
            cause = self._owner.converter.from_failure(outcome.failure)
            if isinstance(cause, CancelledError):
                self._end_cancelled(cause, outcome)
                return
            verb = "timed out" if isinstance(cause, TimeoutError) else "failed"
            self.set_exception(self._error(f"Activity task {verb}", cause, RetryState(outcome.retry_state)))
            return
        self._take_result(outcome.result)

    def _try_again(self) -> None:
        self._timer = None
        self._call = self._call._replace(number=self._owner.local_activities.next_number())
        self._owner.local_activities.ask(self._call, self)

    def _error(self, message: str, cause: BaseException, retry_state: RetryState) -> ActivityError:
        error = ActivityError(
            message,
            scheduled_event_id=0,
            started_event_id=0,
            identity="",
            activity_type=self._call.activity_type,
            activity_id=self._call.activity_id,
            retry_state=retry_state,
        )
        error.__cause__ = cause
        return error

    # Cancellation ----------------------------------------------------------------------------------------------------
    def _asked_to_stop(self, msg: Any | None) -> bool:
        self._is_cancel_requested = True
        number = self._call.number
        if self._timer is not None:
            self._timer.cancel()
        elif self._cancellation_type == ActivityCancellationType.WAIT_CANCELLATION_COMPLETED:
            return self._owner.local_activities.request_cancel(number)
        else:
            runs_on = self._cancellation_type == ActivityCancellationType.ABANDON
            self._owner.local_activities.drop(number, runs_on=runs_on)
        return False

    def _cancelled_error(self, cause: CancelledError, outcome: Any) -> ActivityError:
        return self._error("Activity task cancelled", cause, RetryState.CANCEL_REQUESTED)

    def _named(self) -> str:
        return f"local activity {self._call.activity_type!r}"
