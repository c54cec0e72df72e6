"""The handle of a canvas that was enqueued: that of a task, for the workflow that runs it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from perdure.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus, WorkflowHandle
from perdure.client.failures import WorkflowFailureError
from perdure.converter.json_values import convert
from perdure.tasks.asking import ask, wait
from perdure.tasks.canvas.failures import FailedMember, GroupError, named, restored
from perdure.tasks.errors import TaskTimeout
from perdure.tasks.options import Seconds, duration

R = TypeVar("R", covariant=True)


class CanvasHandle(Generic[R]):
    """One execution of a canvas. `await handle` is its result, in a coroutine; `handle.get()` waits for it elsewhere.

    Attributes:
        id: The task id, which is the id of its workflow (`perdure workflow show ID`).
        run_id: The execution under that id.
        is_new: False if the id was taken, and this is the canvas that has it.
    """

    def __init__(self, id: str, run_id: str | None = None, result_type: Any = None, *, is_new: bool = True) -> None:
        self.id = id
        self.run_id = run_id
        self.is_new = is_new
        self._result_type = result_type

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r}, {self.run_id!r})"

    # The result ------------------------------------------------------------------------------------------------------
    def __await__(self) -> Generator[Any, None, R]:
        return self.aget().__await__()

    async def aget(self) -> R:
        """Its result, as soon as there is one.

        Raises:
            CanvasError: `ChainError`, `MapError`, `GroupError` or `ChordError`: it says what failed, and why.
            CancelledError, TimeoutError: it was cancelled; or no worker ran it in time.
        """
        return self._made(await ask(self._ended))

    def get(self, timeout: Seconds | None = None) -> R:
        """Wait for its result.

        Args:
            timeout: At most so long (seconds or a `timedelta`).

        Raises:
            TaskTimeout: it has none by then.
            Further, as `aget`.
        """
        return self._made(self._wait_ended(timeout))

    # What can be asked and done --------------------------------------------------------------------------------------
    def cancel(self) -> None:
        """Cancel what runs of it; what has not begun is not begun.

        Raises:
            RPCError: it is closed (NOT_FOUND).
        """
        wait(lambda client: self._on(client).cancel(), instead="`await handle.acancel()`")

    async def acancel(self) -> None:
        """`cancel`, in a coroutine."""
        await ask(lambda client: self._on(client).cancel())

    def describe(self) -> WorkflowExecutionDescription:
        """All that is known of its workflow."""
        return wait(lambda client: self._on(client).describe(), instead="`await handle.adescribe()`")

    async def adescribe(self) -> WorkflowExecutionDescription:
        """`describe`, in a coroutine."""
        return await ask(lambda client: self._on(client).describe())

    @property
    def status(self) -> WorkflowExecutionStatus | None:
        """Where it is by now."""
        return self.describe().status

    def _made(self, value: Any) -> R:
        result: R = _typed(value, self._result_type)
        return result

    def _wait_ended(self, timeout: Seconds | None) -> Any:
        limit_s = None if timeout is None else duration(timeout).total_seconds()
        try:
            return wait(self._ended, limit_s, instead="`await handle`")
        except TimeoutError:
            if limit_s is None:
                raise
            raise TaskTimeout(self.id, limit_s) from None

    async def _ended(self, client: Client) -> Any:
        try:
            return await self._on(client).result()
        except WorkflowFailureError as error:
            failed = restored(error.cause)
            raise failed from failed.__cause__

    def _on(self, client: Client) -> WorkflowHandle[Any, Any]:
        return client.get_workflow_handle(self.id, run_id=self.run_id)


@dataclass(frozen=True)
class Outcome:
    """How a member of a group ended.

    Attributes:
        result: What it returned.
        failed: Why it failed, in place of a result; None if it succeeded.
    """

    result: Any = None
    failed: FailedMember | None = None


class GroupHandle(CanvasHandle[list[Any]]):
    """One execution of a group. Its result is the list of results, in the order of its members, if all succeeded."""

    def __init__(
        self, id: str, run_id: str | None = None, result_types: Sequence[Any] = (), *, is_new: bool = True
    ) -> None:
        super().__init__(id, run_id, is_new=is_new)
        self._result_types = result_types

    def outcomes(self, timeout: Seconds | None = None) -> list[Outcome]:
        """How each member ended, in order, as soon as all have. Raises as `get`, but for members that failed."""
        return self._outcomes(self._wait_ended(timeout))

    async def aoutcomes(self) -> list[Outcome]:
        """`outcomes`, in a coroutine."""
        return self._outcomes(await ask(self._ended))

    def _made(self, value: Any) -> list[Any]:
        outcomes = self._outcomes(value)
        failed = [outcome.failed for outcome in outcomes if outcome.failed is not None]
        if failed:
            raise GroupError(f"{len(failed)} of {len(outcomes)} members failed: {named(failed)}", failed)
        return [outcome.result for outcome in outcomes]

    def _outcomes(self, rows: Sequence[dict[str, Any]]) -> list[Outcome]:
        hints = self._result_types or [None] * len(rows)
        return [
            Outcome(failed=FailedMember(**row["failed"])) if "failed" in row else Outcome(_typed(row["result"], hint))
            for row, hint in zip(rows, hints, strict=True)
        ]


def _typed(value: Any, hint: Any) -> Any:
    return value if hint is None else convert(value, hint)
