"""A child workflow as its parent's code holds it: a future of its result, and one of its start."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from perdure.exceptions import (
    CancelledError,
    ChildWorkflowError,
    RetryState,
    TerminatedError,
    TimeoutError,
    TimeoutType,
    WorkflowAlreadyStartedError,
)
from perdure.execution.called_future import CalledFuture, CallOwner
from perdure.execution.commands import CommandLedger
from perdure.execution.event_loop import WorkflowEventLoop
from perdure.execution.external_requests import Externals
from perdure.execution.source_lines import calling_line
from perdure.protocol.child_workflow import (
    ChildWorkflowExecutionCanceled,
    ChildWorkflowExecutionCompleted,
    ChildWorkflowExecutionFailed,
    ChildWorkflowExecutionStarted,
    ChildWorkflowExecutionTerminated,
    StartChildWorkflowExecution,
    StartChildWorkflowExecutionFailed,
)
from perdure.protocol.commands import Command
from perdure.protocol.events import EventType, HistoryEvent
from perdure.protocol.external_workflow import RequestCancelExternalWorkflowExecution
from perdure.workflow.child_options import ChildWorkflowCancellationType, ChildWorkflowHandle

_INITIATED = int(EventType.START_CHILD_WORKFLOW_EXECUTION_INITIATED)


class ChildOwner(CallOwner, Protocol):
    """What a child asks of its parent."""

    ledger: CommandLedger

    @property
    def namespace(self) -> str: ...
    @property
    def externals(self) -> Externals: ...


class ChildFuture(CalledFuture[ChildOwner], ChildWorkflowHandle[Any, Any]):
    """See the module's docstring.

    Attributes:
        command: What was asked for; None once it is in the history, or if it was cancelled before it was sent.
        initiated_event_id: 0 until it is in the history.
        has_outcome: Its outcome is in the history, though the parent may not have seen it yet.
    """

    __slots__ = (
        "_awaited_at_once",
        "_cancellation_type",
        "_is_cancel_requested",
        "_order",
        "_owner",
        "_pending",
        "_result_type",
        "_start",
        "_started_event_id",
        "child_type",
        "command",
        "first_execution_run_id",
        "has_outcome",
        "id",
        "initiated_event_id",
        "line",
    )

    def __init__(
        self,
        owner: ChildOwner,
        pending: dict[int, ChildFuture],
        command: StartChildWorkflowExecution,
        result_type: Any,
        awaited_at_once: bool,
        cancellation_type: int,
    ) -> None:
        super().__init__(loop=owner.loop)
        self._order = owner.loop.next_order()
        self._owner = owner
        self._pending = pending
        self._result_type = result_type
        self._awaited_at_once = awaited_at_once
        self._cancellation_type = cancellation_type
        self._is_cancel_requested = False
        self._start: _StartFuture | None = None
        self.first_execution_run_id = None
        self._started_event_id = 0
        self.id = command.workflow_id
        self.child_type = command.workflow_type
        self.command: Command | None = command
        self.line = calling_line() if owner.replaying else ""
        self.initiated_event_id = 0
        self.has_outcome = False
        owner.ledger.issue(self)

    def matches(self, event: HistoryEvent) -> bool:
        attributes = event.attributes
        if (
            event.event_type != _INITIATED
            or attributes.workflow_id != self.id
            or attributes.workflow_type != self.child_type
        ):
            return False
        self.initiated_event_id = event.event_id
        self.command = None
        self._pending[event.event_id] = self
        return True

    def scheduled(self, event_id: int) -> bool:
        return False

    async def wait_started(self) -> None:
        """Wait until the child is started.

        Raises:
            WorkflowAlreadyStartedError: its id is taken.
            ChildWorkflowError: it was cancelled before it was started.
        """
        if self._start is None:
            self._start = _StartFuture(self, loop=self._owner.loop)
        await self._start

    # What its shard says ---------------------------------------------------------------------------------------------
    def start(self, event: HistoryEvent) -> None:
        """It was started."""
        started: ChildWorkflowExecutionStarted = event.attributes
        self.first_execution_run_id = started.run_id
        self._started_event_id = event.event_id
        if self._start is not None and not self._start.done():
            self._start.set_result(None)

    def refuse(self, failed: StartChildWorkflowExecutionFailed) -> None:
        """It was not started."""
        error: Exception
        if failed.cause == _TAKEN:
            error = WorkflowAlreadyStartedError(self.id, self.child_type)
        else:
            error = self._error(f"Child workflow could not be started: {failed.cause}", None, None)
        self._end(error)

    def resolve(self, outcome: Any) -> None:
        """Take in the closing event's attributes."""
        if self.done():
            return
        converter = self._owner.converter
        match outcome:
            case ChildWorkflowExecutionCompleted():
                self._take_result(outcome.result)
            case ChildWorkflowExecutionFailed():
                cause = converter.from_failure(outcome.failure)
                self._end(self._error("Child Workflow execution failed", cause, RetryState(outcome.retry_state)))
            case ChildWorkflowExecutionCanceled():
                cancelled = CancelledError("Cancelled", *converter.from_bytes(outcome.details))
                self._end_cancelled(cancelled, outcome)
            case ChildWorkflowExecutionTerminated():
                terminated = TerminatedError("Child Workflow execution terminated")
                self._end(self._error("Child Workflow execution terminated", terminated, None))
            case _:
                late = TimeoutError("Child Workflow execution timed out", type=TimeoutType.START_TO_CLOSE,
                                    last_heartbeat_details=[])  # fmt: skip
                self._end(self._error("Child Workflow execution timed out", late, RetryState(outcome.retry_state)))

    # Cancellation ----------------------------------------------------------------------------------------------------
    def _asked_to_stop(self, msg: Any | None) -> bool:
        kind = self._cancellation_type
        waits = kind in _WAITING
        if self.initiated_event_id == 0:
            self.command = None  # not sent yet, so that nobody ever hears of it
        elif not self.has_outcome and kind != ChildWorkflowCancellationType.ABANDON:
            self._request_cancel("" if msg is None else str(msg))
            return waits
        elif self.has_outcome:
            return waits  # what it waits for is there
        return False

    def _request_cancel(self, reason: str) -> None:
        if self._is_cancel_requested:
            return
        self._is_cancel_requested = True
        command = RequestCancelExternalWorkflowExecution(self.id, "", reason, self.initiated_event_id)
        asked = self._owner.externals.send_cancel(command)
        asked.add_done_callback(self._cancel_answered)

    def _cancel_answered(self, asked: asyncio.Future[None]) -> None:
        """The child has the request; or it could not get it, and has ended, as its outcome will tell."""
        arrived = not asked.cancelled() and asked.exception() is None
        waits_for_this = self._cancellation_type == ChildWorkflowCancellationType.WAIT_CANCELLATION_REQUESTED
        if arrived and waits_for_this and not self.done():
            self._end_cancelled(CancelledError("Cancelled"))

    def _give_up(self, msg: Any | None) -> None:
        super()._give_up(msg)
        if self._start is not None:
            self._start.give_up(msg)

    def _cancelled_error(self, cause: CancelledError, outcome: Any) -> ChildWorkflowError:
        return self._error("Child Workflow execution cancelled", cause, RetryState.CANCEL_REQUESTED)

    def _named(self) -> str:
        return f"child workflow {self.child_type!r} (id {self.id!r})"

    async def _signal(self, name: str, arguments: Sequence[Any]) -> None:
        await self._owner.externals.signal_child(self.id, self.initiated_event_id, name, arguments)

    # Ends ------------------------------------------------------------------------------------------------------------
    def _end(self, error: BaseException) -> None:
        """It ended by an exception: whoever waits for its start gets it, else whoever waits for its result."""
        if not self.done():
            self.set_exception(error)
        if self._start is not None and not self._start.done():
            self._start.set_exception(error)
            self.exception()  # whoever waits for the start is told, and never has a handle to ask for the result

    def _error(self, message: str, cause: BaseException | None, retry_state: RetryState | None) -> ChildWorkflowError:
        error = ChildWorkflowError(
            message,
            namespace=self._owner.namespace,
            workflow_id=self.id,
            run_id=self.first_execution_run_id or "",
            workflow_type=self.child_type,
            initiated_event_id=self.initiated_event_id,
            started_event_id=self._started_event_id,
            retry_state=retry_state,
        )
        error.__cause__ = cause
        return error


class _StartFuture(asyncio.Future[None]):
    """Waits for the start of a child. Cancelling it cancels the child, which may mean to go on waiting."""

    __slots__ = ("_child",)

    def __init__(self, child: ChildFuture, *, loop: WorkflowEventLoop) -> None:
        super().__init__(loop=loop)
        self._child = child

    def cancel(self, msg: Any | None = None) -> bool:
        if self.done():
            return False
        return self._child.cancel(msg) or self.give_up(msg)

    def give_up(self, msg: Any | None = None) -> bool:
        """Wait no longer."""
        return super().cancel(msg)


_TAKEN = "WORKFLOW_ALREADY_EXISTS"
_WAITING = (
    ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    ChildWorkflowCancellationType.WAIT_CANCELLATION_REQUESTED,
)
