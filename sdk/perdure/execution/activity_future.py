"""An activity as the workflow that called it holds it: a future with its own way of being cancelled."""

from __future__ import annotations

from typing import Any, Protocol

from perdure.converter import DataConverter
from perdure.exceptions import ActivityError, CancelledError, RetryState
from perdure.execution.commands import CommandLedger, IssuedCommand
from perdure.execution.event_loop import WorkflowEventLoop
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


class ActivityOwner(Protocol):
    """What an activity asks of its workflow."""

    loop: WorkflowEventLoop
    ledger: CommandLedger
    activities: dict[int, ActivityFuture]
    replaying: bool
    is_delivering_cancellation: bool

    @property
    def converter(self) -> DataConverter: ...


class ActivityFuture(ActivityHandle[Any]):
    """See the module's docstring.

    How cancelling it ends for who awaits it: `ActivityError` with a `CancelledError` as its cause, for a handle and
    when the workflow is being cancelled, as programs written for `temporalio` expect; plain `asyncio.CancelledError`
    for `execute_activity` in a task that is cancelled by `asyncio` itself, so that `asyncio.timeout`, `wait_for` and
    `TaskGroup` work.

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

    def __hash__(self) -> int:
        return self._order

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
            try:
                value = self._owner.converter.value_from_bytes(outcome.result, self._result_type)
            except (TypeError, ValueError) as error:
                error.add_note(f"The result of activity {self.activity_type!r} (id {self.activity_id!r}) is meant.")
                self.set_exception(error)
            else:
                self.set_result(value)
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
    def cancel(self, msg: Any | None = None) -> bool:
        """Cancel the activity by its cancellation type. True if it was still pending."""
        if self.done():
            return False
        owner = self._owner
        if owner.loop.is_closed():
            return super().cancel(msg)
        owner.loop.check_may_act()
        if owner.is_delivering_cancellation:
            self._awaited_at_once = False
        waits = self._cancellation_type == ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
        if self.scheduled_event_id == 0:
            self.command = None  # not sent yet, so that nobody ever hears of it
        elif not self.has_outcome and self._cancellation_type != ActivityCancellationType.ABANDON:
            self._request_cancel()
            if waits:
                return True
        elif waits:
            return True  # what it waits for is there
        self._end_cancelled(CancelledError("Cancelled"), msg=msg)
        return True

    def _request_cancel(self) -> None:
        if not self._is_cancel_requested:
            self._is_cancel_requested = True
            line = calling_line() if self._owner.replaying else ""
            self._owner.ledger.issue(IssuedCommand(RequestCancelActivityTask(self.scheduled_event_id), line))

    def _end_cancelled(self, cause: CancelledError, outcome: Any = None, msg: Any | None = None) -> None:
        if self._awaited_at_once and (outcome is None or self._is_cancel_requested):
            super().cancel(msg)
        else:
            self.set_exception(self._error("Activity task cancelled", cause, outcome, RetryState.CANCEL_REQUESTED))
