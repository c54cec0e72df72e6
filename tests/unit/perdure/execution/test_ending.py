"""How a workflow ends by what its code raised."""

from __future__ import annotations

import asyncio

import pytest

from perdure.converter import DataConverter
from perdure.exceptions import ApplicationError, WorkflowTaskError
from perdure.execution.ending import command_of
from perdure.protocol.commands import (
    CancelWorkflowExecution,
    Command,
    ContinueAsNewWorkflowExecution,
    FailWorkflowExecution,
)
from perdure.protocol.failure import CanceledInfo
from perdure.workflow.continuation import Continuation

MORE = ContinueAsNewWorkflowExecution(b"more")


def ended(error: BaseException, *, was_cancelled: bool = False) -> Command:
    return command_of(
        error, DataConverter.default, lambda leaf: isinstance(leaf, ApplicationError), was_cancelled=was_cancelled
    )


def test_a_failure_fails_the_workflow() -> None:
    command = ended(ApplicationError("no"))
    assert isinstance(command, FailWorkflowExecution)
    assert command.failure.message == "no"
    assert isinstance(ended(ExceptionGroup("two", [ApplicationError("a"), ApplicationError("b")])), type(command))


def test_a_cancellation_counts_where_it_was_asked_for() -> None:
    assert ended(asyncio.CancelledError(), was_cancelled=True) == CancelWorkflowExecution()
    of_its_own = ended(asyncio.CancelledError("by itself"))
    assert isinstance(of_its_own, FailWorkflowExecution)
    assert (of_its_own.failure.message, of_its_own.failure.info) == ("by itself", CanceledInfo())
    with pytest.raises(WorkflowTaskError, match="nobody asked it to stop"):
        ended(SystemExit())


def test_a_continuation_counts_before_all_else() -> None:
    assert ended(Continuation(MORE), was_cancelled=True) == MORE
    group = BaseExceptionGroup("group", [ValueError("x"), BaseExceptionGroup("inner", [Continuation(MORE)])])
    assert ended(group) == MORE


def test_anything_else_fails_the_task() -> None:
    with pytest.raises(ValueError, match="odd"):
        ended(ValueError("odd"))
    with pytest.raises(ExceptionGroup):
        ended(ExceptionGroup("two", [ApplicationError("a"), ValueError("odd")]))
