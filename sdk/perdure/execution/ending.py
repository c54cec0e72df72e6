"""The end of a workflow: which command comes of what its code raised, or that its workflow task fails instead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from perdure.converter import DataConverter
from perdure.exceptions import CancelledError, WorkflowTaskError, is_cancelled_exception
from perdure.protocol.commands import CancelWorkflowExecution, Command, FailWorkflowExecution
from perdure.workflow.continuation import Continuation


def command_of(
    error: BaseException,
    converter: DataConverter,
    is_failure: Callable[[BaseException], bool],
    *,
    was_cancelled: bool,
) -> Command:
    """The command that closes the run: it continues as new, is cancelled, or fails.

    Raises:
        Exception: the error itself, which fails the workflow task.
        WorkflowTaskError: likewise, for what is not an `Exception`.
    """
    leaves = _leaves(error)
    for leaf in leaves:
        if isinstance(leaf, Continuation):
            return leaf.command
    if was_cancelled and all(is_cancelled_exception(leaf) for leaf in leaves):
        return CancelWorkflowExecution()
    if all(is_failure(leaf) for leaf in leaves):
        return FailWorkflowExecution(converter.to_failure(error))
    if isinstance(error, asyncio.CancelledError):  # of a task that the workflow itself cancelled, and waits for
        return FailWorkflowExecution(converter.to_failure(CancelledError(str(error))))
    if isinstance(error, Exception):
        raise error
    raise WorkflowTaskError(
        f"the workflow ended by {error!r}, though nobody asked it to stop; catch it, or raise an ApplicationError"
    ) from error


def _leaves(error: BaseException) -> Sequence[BaseException]:
    """The exceptions that count: those inside of a group, which `TaskGroup` raises."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
