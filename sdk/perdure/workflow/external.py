"""Other workflows, seen from inside of one: `get_external_workflow_handle`, to signal them and to ask them to stop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, overload

from perdure.common import UNSET, positional_arguments
from perdure.types import (
    MethodAsyncNoParam,
    MethodAsyncSingleParam,
    MethodSyncOrAsyncNoParam,
    MethodSyncOrAsyncSingleParam,
    ParamType,
    SelfType,
)
from perdure.workflow.naming import signal_name
from perdure.workflow.runtime import current


class ExternalWorkflowHandle(Generic[SelfType]):
    """Another workflow, which need not be a child of this one. Whether there is one shows when it is asked for
    something."""

    def __init__(self, id: str, run_id: str | None) -> None:
        self._id = id
        self._run_id = run_id

    @property
    def id(self) -> str:
        """Its workflow id."""
        return self._id

    @property
    def run_id(self) -> str | None:
        """The run that is meant; None for the one that is open when it is asked for something."""
        return self._run_id

    @overload
    async def signal(self, signal: MethodSyncOrAsyncNoParam[SelfType, None]) -> None: ...
    @overload
    async def signal(self, signal: MethodSyncOrAsyncSingleParam[SelfType, ParamType, None], arg: ParamType) -> None: ...
    @overload
    async def signal(self, signal: Callable[..., Awaitable[None] | None], *, args: Sequence[Any]) -> None: ...
    @overload
    async def signal(self, signal: str, arg: Any = ..., *, args: Sequence[Any] = []) -> None: ...
    async def signal(self, signal: str | Callable[..., Any], arg: Any = UNSET, *, args: Sequence[Any] = []) -> None:
        """Signal it. Returns when it has the signal.

        Args:
            signal: The handler, or its name.
            arg: The handler's only argument, if it has one.
            args: All its arguments, in place of `arg`.

        Raises:
            ApplicationError: there is no open run of this workflow.
        """
        arguments = positional_arguments(arg, (), args)
        await current().externals.signal(self._id, self._run_id, signal_name(signal), arguments)

    async def cancel(self, *, reason: str = "") -> None:
        """Ask it to stop. Returns when it has the request, not when it has stopped.

        Raises:
            ApplicationError: there is no open run of this workflow.
        """
        await current().externals.cancel(self._id, self._run_id, reason)


def get_external_workflow_handle(workflow_id: str, *, run_id: str | None = None) -> ExternalWorkflowHandle[Any]:
    """A handle to another workflow.

    Args:
        workflow_id: Its id.
        run_id: One run of it; the open one if not given.
    """
    return ExternalWorkflowHandle(workflow_id, run_id)


def get_external_workflow_handle_for(
    workflow: MethodAsyncNoParam[SelfType, Any] | MethodAsyncSingleParam[SelfType, Any, Any],
    workflow_id: str,
    *,
    run_id: str | None = None,
) -> ExternalWorkflowHandle[SelfType]:
    """As `get_external_workflow_handle`, with the workflow's type: a type checker then knows its signals.

    Args:
        workflow: The other workflow's run method.
    """
    return ExternalWorkflowHandle(workflow_id, run_id)
