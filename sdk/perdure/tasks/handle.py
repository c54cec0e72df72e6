"""The handle of a task that was enqueued: its result, awaited or waited for, and what can be done to it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Generic, TypeVar

from perdure.client import ActivityExecutionDescription, ActivityExecutionStatus, ActivityHandle, Client
from perdure.client.failures import ActivityFailureError
from perdure.tasks.asking import ask, wait
from perdure.tasks.errors import TaskTimeout
from perdure.tasks.options import Seconds, duration

R = TypeVar("R", covariant=True)


class TaskHandle(Generic[R]):
    """One execution of a task. `await handle` is its result, in a coroutine; `handle.get()` waits for it elsewhere.

    Attributes:
        id: The task id.
        run_id: The execution under that id.
        is_new: False if the id was taken, and this is the task that has it.
    """

    def __init__(self, id: str, run_id: str | None, result_type: Any, *, is_new: bool = True) -> None:
        self.id = id
        self.run_id = run_id
        self.is_new = is_new
        self._result_type = result_type

    def __repr__(self) -> str:
        return f"TaskHandle({self.id!r}, {self.run_id!r})"

    # The result ------------------------------------------------------------------------------------------------------
    def __await__(self) -> Generator[Any, None, R]:
        return self.aget().__await__()

    async def aget(self) -> R:
        """Its result, as soon as there is one.

        Raises:
            Exception: what the task raised last, as `ActivityFailureError.cause` has it.
        """
        try:
            return await ask(lambda client: self._on(client).result())
        except ActivityFailureError as error:
            raise error.cause from None

    def get(self, timeout: Seconds | None = None) -> R:
        """Wait for its result.

        Args:
            timeout: At most so long (seconds or a `timedelta`).

        Raises:
            TaskTimeout: it has none by then.
            Exception: what the task raised last.
        """
        limit_s = None if timeout is None else duration(timeout).total_seconds()
        try:
            return wait(lambda client: self._on(client).result(), limit_s, instead="`await handle`")
        except TimeoutError:
            if limit_s is None:
                raise
            raise TaskTimeout(self.id, limit_s) from None
        except ActivityFailureError as error:
            raise error.cause from None

    # What can be asked and done --------------------------------------------------------------------------------------
    def cancel(self, reason: str = "") -> None:
        """Cancel it: before it runs at once; while it runs its code gets a `CancelledError`.

        Raises:
            RPCError: it is closed (NOT_FOUND).
        """
        wait(lambda client: self._on(client).cancel(reason=reason), instead="`await handle.acancel()`")

    async def acancel(self, reason: str = "") -> None:
        """`cancel`, in a coroutine."""
        await ask(lambda client: self._on(client).cancel(reason=reason))

    def describe(self) -> ActivityExecutionDescription:
        """All that is known of it."""
        return wait(self._describe, instead="`await handle.adescribe()`")

    async def adescribe(self) -> ActivityExecutionDescription:
        """`describe`, in a coroutine."""
        return await ask(self._describe)

    def requeue(self) -> TaskHandle[R]:
        """Enqueue it again, with the arguments and options that it had, if it failed for good (or was cancelled).

        Raises:
            ActivityAlreadyStartedError: it goes on, or has completed.
        """
        return wait(self._requeue, instead="`await handle.arequeue()`")

    async def arequeue(self) -> TaskHandle[R]:
        """`requeue`, in a coroutine."""
        return await ask(self._requeue)

    def progress(self) -> Any:
        """What its code told last by `activity.heartbeat(...)`: one value as it is, several as a list, or None."""
        return wait(self._progress, instead="`await handle.aprogress()`")

    async def aprogress(self) -> Any:
        """`progress`, in a coroutine."""
        return await ask(self._progress)

    @property
    def status(self) -> ActivityExecutionStatus:
        """Where it is by now."""
        return self.describe().status

    def _on(self, client: Client) -> ActivityHandle[R]:
        handle: ActivityHandle[R] = client.get_activity_handle(
            self.id, run_id=self.run_id, result_type=self._result_type
        )
        return handle

    async def _requeue(self, client: Client) -> TaskHandle[R]:
        again = await self._on(client).requeue()
        return TaskHandle(self.id, again.run_id, self._result_type)

    async def _progress(self, client: Client) -> Any:
        seen = await self._on(client).describe(include_heartbeat_details=True)
        details = await seen.heartbeat_details() or [None]
        return details[0] if len(details) == 1 else details

    async def _describe(self, client: Client) -> ActivityExecutionDescription:
        return await self._on(client).describe(
            include_input=True, include_outcome=True, include_heartbeat_details=True, include_last_failure=True
        )
