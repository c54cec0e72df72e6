"""What a workflow has called, as its code holds it: a future with its own way of being cancelled.

Role: what activities, local activities and children have in common. How cancelling one ends for who awaits it: its own
error (`ActivityError`, `ChildWorkflowError`) with a `CancelledError` as its cause, for a handle and when the workflow
is being cancelled, as programs written for `temporalio` expect; plain `asyncio.CancelledError` for `execute_activity`
and its like in a task that is cancelled by `asyncio` itself, so that `asyncio.timeout`, `wait_for` and `TaskGroup`
work.

Rule: the attributes are set by each class, at once: thousands of these are made in one turn.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import Any, Generic, Protocol, TypeVar

from perdure.converter import DataConverter
from perdure.exceptions import CancelledError
from perdure.execution.event_loop import WorkflowEventLoop


class CallOwner(Protocol):
    """What each of them asks of its workflow."""

    loop: WorkflowEventLoop
    replaying: bool
    is_delivering_cancellation: bool

    @property
    def converter(self) -> DataConverter: ...


OwnerT = TypeVar("OwnerT", bound=CallOwner)


class CalledFuture(asyncio.Future[Any], Generic[OwnerT]):
    """See the module's docstring. `_order`: the number by which it is found in sets, the same in each replay."""

    _order: int
    _owner: OwnerT
    _result_type: Any
    _awaited_at_once: bool
    _is_cancel_requested: bool

    def __hash__(self) -> int:
        return self._order

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancel it by its cancellation type. True if it was still pending."""
        if self.done():
            return False
        owner = self._owner
        if owner.loop.is_closed():
            return super().cancel(msg)
        owner.loop.check_may_act()
        if owner.is_delivering_cancellation:
            self._awaited_at_once = False
        if not self._asked_to_stop(msg):
            self._end_cancelled(CancelledError("Cancelled"), msg=msg)
        return True

    def _take_result(self, data: bytes) -> None:
        """End it by its result, if that can be read as what is wanted."""
        try:
            value = self._owner.converter.value_from_bytes(data, self._result_type)
        except (TypeError, ValueError) as error:
            error.add_note(f"The result of {self._named()} is meant.")
            self.set_exception(error)
        else:
            self.set_result(value)

    def _end_cancelled(self, cause: CancelledError, outcome: Any = None, msg: Any | None = None) -> None:
        """It was cancelled: because somebody here asked for it, or (`outcome`) as its history says."""
        if self._awaited_at_once and (outcome is None or self._is_cancel_requested):
            self._give_up(msg)
        else:
            self._end(self._cancelled_error(cause, outcome))

    def _give_up(self, msg: Any | None) -> None:
        super().cancel(msg)

    def _end(self, error: BaseException) -> None:
        self.set_exception(error)

    # What each knows for itself --------------------------------------------------------------------------------------
    @abstractmethod
    def _named(self) -> str:
        """What it is, for an error."""

    @abstractmethod
    def _asked_to_stop(self, msg: Any | None) -> bool:
        """Do as its cancellation type says. True if it is waited for all the same."""

    @abstractmethod
    def _cancelled_error(self, cause: CancelledError, outcome: Any) -> BaseException:
        """What it ends with for who is told that it was cancelled."""
