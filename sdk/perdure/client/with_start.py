"""Updates with a start: the workflow is started if it does not run, and gets the update in any case, in one request."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, Generic, Unpack, overload

from perdure.client.connection import Connection, Refusal, start_refused
from perdure.client.handle import WorkflowHandle
from perdure.client.inputs import StartWorkflowUpdateWithStartInput, UpdateWithStartStartWorkflowInput
from perdure.client.start import start_request
from perdure.client.start_options import (
    WithStartOptions,
    WithStartOptionsByName,
    WithStartOptionsWithArgs,
    workflow_start,
)
from perdure.client.updates import WorkflowUpdateHandle, ask_update, handle_of, update_request
from perdure.common import (
    UNSET,
    WorkflowIDConflictPolicy,
)
from perdure.protocol.requests import StartWorkflowWith
from perdure.shared_options import takes_options_of
from perdure.types import (
    CallableAsyncNoParam,
    CallableAsyncSingleParam,
    MethodAsyncNoParam,
    MethodAsyncSingleParam,
    MultiParamSpec,
    ParamType,
    ReturnType,
    SelfType,
)

_START_FIELDS = [field.name for field in dataclasses.fields(UpdateWithStartStartWorkflowInput)]


class WithStartWorkflowOperation(Generic[SelfType, ReturnType]):
    """How to start the workflow of an update with a start, should it not run; for one such update. The arguments are
    those of `Client.start_workflow`; the conflict policy must be given."""

    @overload
    def __init__(
        self, workflow: MethodAsyncNoParam[SelfType, ReturnType], **options: Unpack[WithStartOptions]
    ) -> None: ...
    @overload
    def __init__(
        self,
        workflow: MethodAsyncSingleParam[SelfType, ParamType, ReturnType],
        arg: ParamType,
        **options: Unpack[WithStartOptions],
    ) -> None: ...
    @overload
    def __init__(
        self,
        workflow: Callable[Concatenate[SelfType, MultiParamSpec], Awaitable[ReturnType]],
        **options: Unpack[WithStartOptionsWithArgs],
    ) -> None: ...
    @overload
    def __init__(
        self: WithStartWorkflowOperation[Any, ReturnType],
        workflow: CallableAsyncNoParam[ReturnType],
        **options: Unpack[WithStartOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: WithStartWorkflowOperation[Any, ReturnType],
        workflow: CallableAsyncSingleParam[ParamType, ReturnType],
        arg: ParamType,
        **options: Unpack[WithStartOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: WithStartWorkflowOperation[Any, Any],
        workflow: str,
        arg: Any = ...,
        **options: Unpack[WithStartOptionsByName],
    ) -> None: ...
    @takes_options_of(workflow_start)
    def __init__(
        self,
        workflow: str | Callable[..., Awaitable[ReturnType]],
        arg: Any = UNSET,
        *,
        id_conflict_policy: WorkflowIDConflictPolicy,
        result_type: type | None = None,
        **options: Any,
    ) -> None:
        if id_conflict_policy == WorkflowIDConflictPolicy.UNSPECIFIED:
            raise ValueError("give an id_conflict_policy: USE_EXISTING, FAIL or TERMINATE_EXISTING")
        start = workflow_start(workflow, arg, id_conflict_policy=id_conflict_policy, **options)
        start.ret_type = result_type or start.ret_type
        self.input = UpdateWithStartStartWorkflowInput(**{name: getattr(start, name) for name in _START_FIELDS})
        self._handle: asyncio.Future[WorkflowHandle[SelfType, ReturnType]] | None = None
        self._is_used = False

    async def workflow_handle(self) -> WorkflowHandle[SelfType, ReturnType]:
        """A handle to the workflow that got the update, as soon as that is known."""
        return await asyncio.shield(self._future())

    def take(self) -> UpdateWithStartStartWorkflowInput:
        """The start, once.

        Raises:
            RuntimeError: it was used before.
        """
        if self._is_used:
            raise RuntimeError("a WithStartWorkflowOperation is for one update; make another one")
        self._is_used = True
        return self.input

    def started(self, connection: Connection, run_id: str) -> None:
        """The update has reached a run; where one may have been open before, it may be in the middle of its chain."""
        may_be_another = self.input.id_conflict_policy == WorkflowIDConflictPolicy.USE_EXISTING
        handle = WorkflowHandle[SelfType, ReturnType](
            connection,
            self.input.id,
            result_run_id=run_id,
            first_execution_run_id=None if may_be_another else run_id,
            result_type=self.input.ret_type,
        )
        if not self._future().done():
            self._future().set_result(handle)

    def failed(self, error: BaseException) -> None:
        """Nothing was started. Whoever waits for the handle gets the error."""
        future = self._future()
        if not future.done():
            future.set_exception(error)
            future.exception()  # it is told to the caller of the update in any case

    def _future(self) -> asyncio.Future[WorkflowHandle[SelfType, ReturnType]]:
        if self._handle is None:
            self._handle = asyncio.get_running_loop().create_future()
        return self._handle


async def start_update_with_start(
    connection: Connection, input: StartWorkflowUpdateWithStartInput
) -> WorkflowUpdateHandle[Any]:
    """Send both in one request, and wait for the stage of the update that is asked for.

    Raises:
        WorkflowAlreadyStartedError: the start is refused, and the update with it.
        Further, what `start_request`, `update_request` and `ask_update` raise.
    """
    begin, update = input.start_workflow_input, input.update_workflow_input
    request = update_request(connection, begin.id, None, update)
    start = start_request(connection, begin, wait_result=False)
    both = StartWorkflowWith(connection.namespace, begin.id, start, None, request)
    try:
        await connection.register_types(start.search_attributes, input.rpc_timeout)
        reply = await ask_update(connection, begin.id, both, input.rpc_timeout)
    except Refusal as refusal:
        raise start_refused(refusal, begin.id, begin.workflow) from None
    input._on_start(reply.run_id)
    return handle_of(connection, begin.id, request.update_id, reply, update.ret_type)
