"""Sagas: steps that must all stand, or none.

Rules: a compensation is durable and tried again like any step. It runs to its end though the workflow is asked to stop
meanwhile. What made the saga turn back is raised in the end, whatever became of the compensations.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, NamedTuple, Self, Unpack

from perdure.exceptions import ApplicationError, is_cancelled_exception
from perdure.workflow.activity_calls import execute_activity
from perdure.workflow.activity_options import ActivityConfig, activity_type_of
from perdure.workflow.context import is_failure_exception
from perdure.workflow.log_adapter import logger

_Failed = tuple[str, BaseException]
"""The name of a compensation, and what it raised."""


class CompensationError(ApplicationError):
    """A saga turned back, and not all of its compensations succeeded. The cause says why it turned back."""

    def __init__(self, cause: BaseException, failed: list[_Failed], total: int) -> None:
        problems = "; ".join(f"{name}: {_text(error)}" for name, error in failed)
        message = f"{_text(cause)} ({len(failed)} of {total} compensations failed: {problems})"
        super().__init__(message, type="CompensationError")
        self.__cause__ = cause
        self._errors = tuple(error for _, error in failed)

    @property
    def errors(self) -> tuple[BaseException, ...]:
        """What the compensations raised, in the order in which they ran. A client gets the message alone."""
        return self._errors


class _Compensation(NamedTuple):
    name: str
    run: Callable[[], Awaitable[Any]]


class Saga:
    """Undoes what was done when the rest fails, or the workflow is cancelled.

        async with workflow.Saga() as saga:
            flight = await workflow.execute_activity(book_flight, trip, start_to_close_timeout=MINUTE)
            saga.add_activity(cancel_flight, flight, start_to_close_timeout=MINUTE)
            await workflow.execute_activity(charge, trip, start_to_close_timeout=MINUTE)

    Register each compensation when its step has succeeded; register it before, if a step that failed may have taken
    effect all the same (a timeout), and undoing what never was done harms nothing. The exception that left the block
    goes on from there when all is undone.

    Only what would fail or cancel the workflow makes a saga turn back. Any other exception is a defect of the code: it
    fails the workflow task, which is tried again when the code is mended, and nothing is undone for it.

    Args:
        parallel: Run the compensations all at once, instead of one by one in reverse.

    Raises (from the block):
        CompensationError: compensations failed for good, with the exception that left the block as its cause.
    """

    def __init__(self, *, parallel: bool = False) -> None:
        self._parallel = parallel
        self._compensations: list[_Compensation] = []

    def add_activity(self, activity: Any, *args: Any, **options: Unpack[ActivityConfig]) -> None:
        """Register an activity; arguments and options are those of `workflow.execute_activity`.

        Raises:
            TypeError, ValueError: no activity, or options that it cannot be run with.
        """
        name, _ = activity_type_of(activity)
        inspect.signature(execute_activity).bind(activity, *args, **options)
        if options.get("start_to_close_timeout") is None and options.get("schedule_to_close_timeout") is None:
            raise ValueError(
                f"compensation {name!r} needs a start_to_close_timeout (for each attempt) or a "
                "schedule_to_close_timeout (for all of them together)"
            )
        self._compensations.append(_Compensation(name, lambda: execute_activity(activity, *args, **options)))

    def add(self, compensation: Callable[..., Awaitable[Any]], *args: Any) -> None:
        """Register an async function of the workflow: a child workflow, several steps."""
        name = getattr(compensation, "__qualname__", repr(compensation))
        self._compensations.append(_Compensation(name, lambda: compensation(*args)))

    async def compensate(self) -> None:
        """Turn back now. What is registered is run once; a block that is left by an exception does this by itself.

        Raises:
            BaseExceptionGroup: compensations failed for good; the others were run.
        """
        failed = await self._undo()
        if failed:
            raise BaseExceptionGroup(f"{len(failed)} compensations failed", [error for _, error in failed])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None or not _ends_workflow(error):
            return
        total = len(self._compensations)
        failed = await self._undo()
        if failed:
            raise CompensationError(error, failed, total)

    async def _undo(self) -> list[_Failed]:
        undoing = asyncio.create_task(self._run_all())
        while not undoing.done():
            try:
                await asyncio.shield(undoing)
            except asyncio.CancelledError:
                logger.info("the workflow was asked to stop while its saga turns back; it does so first")
        return await undoing

    async def _run_all(self) -> list[_Failed]:
        failed: list[_Failed] = []
        pending, self._compensations = self._compensations[::-1], []
        if self._parallel:
            async with asyncio.TaskGroup() as group:
                for compensation in pending:
                    group.create_task(_run(compensation, failed))
        else:
            for compensation in pending:
                await _run(compensation, failed)
        return failed


async def _run(compensation: _Compensation, failed: list[_Failed]) -> None:
    try:
        await compensation.run()
    except BaseException as error:
        if not _ends_workflow(error):
            raise
        logger.error("compensation %s failed: %s", compensation.name, _text(error))
        failed.append((compensation.name, error))


def _ends_workflow(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_ends_workflow(inner) for inner in error.exceptions)
    if isinstance(error, asyncio.CancelledError):
        return True
    return isinstance(error, Exception) and (is_cancelled_exception(error) or is_failure_exception(error))


def _text(error: BaseException) -> str:
    """The innermost reason: an ActivityError says only that there is one."""
    inner = error
    while inner.__cause__ is not None:
        inner = inner.__cause__
    return str(inner) or type(inner).__name__
