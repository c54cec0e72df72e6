"""An activity as the workflow that called it holds it."""

from __future__ import annotations

from typing import Any, Protocol

from perdure.exceptions import ActivityError, CancelledError, RetryState
from perdure.execution.called_future import CalledFuture, CallOwner
from perdure.execution.commands import CommandLedger, IssuedCommand
from perdure.execution.source_lines import calling_line
from perdure.protocol.commands import Command, RequestCancelActivityTask, ScheduleActivityTask
from perdure.protocol.events import (
    ActivityTaskCanceled,
    ActivityTaskCompleted,
    ActivityTaskFailed,
    EventType,
    HistoryEvent,
)
from perdure.workflow.activity_options import ActivityCancellationType, ActivityHandle

_SCHEDULED = int(EventType.ACTIVITY_TASK_SCHEDULED)
ACTIVITY_OUTCOMES = frozenset(
    int(kind)
    for kind in (
        EventType.ACTIVITY_TASK_COMPLETED,
        EventType.ACTIVITY_TASK_FAILED,
        EventType.ACTIVITY_TASK_TIMED_OUT,
        EventType.ACTIVITY_TASK_CANCELED,
    )
)
"""Events that close an activity."""


class ActivityOwner(CallOwner, Protocol):
    """What an activity asks of its workflow."""

    ledger: CommandLedger
    activities: dict[int, ActivityFuture]


class ActivityFuture(CalledFuture[ActivityOwner], ActivityHandle[Any]):
    """See the module's docstring.

    Attributes:
        command: What was asked for; None once it is in the history, or if it was cancelled before it was sent.
        scheduled_event_id: 0 until it is in the history.
        has_outcome: Its outcome is in the history, though the workflow may not have seen it yet.
    """

    __slots__ = (
        "_awaited_at_once",
        "_cancellation_type",
        "_is_cancel_requested",
        "_order",
        "_owner",
        "_result_type",
        "activity_id",
        "activity_type",
        "command",
        "has_outcome",
        "line",
        "scheduled_event_id",
    )

    def __init__(
        self,
        owner: ActivityOwner,
        command: ScheduleActivityTask,
        result_type: Any,
        awaited_at_once: bool,
        cancellation_type: int,
    ) -> None:
        super().__init__(loop=owner.loop)
        self._order = owner.loop.next_order()
        self._owner = owner
        self._result_type = result_type
        self._awaited_at_once = awaited_at_once
        self._cancellation_type = cancellation_type
        self._is_cancel_requested = False
        self.activity_id = command.activity_id
        self.activity_type = command.activity_type
        self.command: Command | None = command
        self.line = calling_line() if owner.replaying else ""
        self.scheduled_event_id = 0
        self.has_outcome = False
        owner.ledger.issue(self)

    def matches(self, event: HistoryEvent) -> bool:
        attributes = event.attributes
        if (
            event.event_type != _SCHEDULED
            or attributes.activity_id != self.activity_id
            or attributes.activity_type != self.activity_type
        ):
            return False
        return self.scheduled(event.event_id)

    def scheduled(self, event_id: int) -> bool:
        self.scheduled_event_id = event_id
        self.command = None
        self._owner.activities[event_id] = self
        return True

    # Outcomes --------------------------------------------------------------------------------------------------------
    def resolve(self, outcome: Any) -> None:
        """Take in the closing event's attributes."""
        if self.done():
            return
        if type(outcome) is ActivityTaskCompleted:
            self._take_result(outcome.result)
            return
        if type(outcome) is ActivityTaskCanceled:
            self._end_cancelled(self._cancelled_cause(outcome), outcome)
            return
        verb = "failed" if type(outcome) is ActivityTaskFailed else "timed out"
        cause = self._owner.converter.from_failure(outcome.failure)
        self.set_exception(self._error(f"Activity task {verb}", cause, outcome, RetryState(outcome.retry_state)))

    def _cancelled_cause(self, outcome: ActivityTaskCanceled) -> CancelledError:
        return CancelledError("Cancelled", *self._owner.converter.from_bytes(outcome.details))

    def _error(
        self, message: str, cause: BaseException, outcome: Any = None, retry_state: RetryState | None = None
    ) -> ActivityError:
        error = ActivityError(
            message,
            scheduled_event_id=self.scheduled_event_id,
            started_event_id=getattr(outcome, "started_event_id", 0),
            identity=getattr(outcome, "identity", ""),
            activity_type=self.activity_type,
            activity_id=self.activity_id,
            retry_state=retry_state,
        )
        error.__cause__ = cause
        return error

    # Cancellation ----------------------------------------------------------------------------------------------------
    def _asked_to_stop(self, msg: Any | None) -> bool:
        waits = self._cancellation_type == ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
        if self.scheduled_event_id == 0:
            self.command = None  # not sent yet, so that nobody ever hears of it
        elif not self.has_outcome and self._cancellation_type != ActivityCancellationType.ABANDON:
            self._request_cancel()
            return waits
        else:
            return waits  # what it waits for is there
        return False

    def _request_cancel(self) -> None:
        if not self._is_cancel_requested:
            self._is_cancel_requested = True
            line = calling_line() if self._owner.replaying else ""
            self._owner.ledger.issue(IssuedCommand(RequestCancelActivityTask(self.scheduled_event_id), line))

    def _cancelled_error(self, cause: CancelledError, outcome: Any) -> ActivityError:
        return self._error("Activity task cancelled", cause, outcome, RetryState.CANCEL_REQUESTED)

    def _named(self) -> str:
        return f"activity {self.activity_type!r} (id {self.activity_id!r})"
