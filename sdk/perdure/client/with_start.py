"""Updates with a start: the workflow is started if it does not run, and gets the update in any case, in one request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Generic

from perdure.client.connection import Connection, Refusal, start_refused
from perdure.client.definitions import workflow_name_and_type
from perdure.client.handle import WorkflowHandle
from perdure.client.inputs import StartWorkflowInput
from perdure.client.start import start_request
from perdure.client.updates import (
    WorkflowUpdateHandle,
    WorkflowUpdateStage,
    ask_update,
    handle_of,
    update_request,
)
from perdure.common import (
    UNSET,
    RetryPolicy,
    SearchAttributes,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
    positional_arguments,
)
from perdure.protocol.requests import StartWorkflowWith
from perdure.types import ReturnType, SelfType


class WithStartWorkflowOperation(Generic[SelfType, ReturnType]):
    """How to start the workflow of an update with a start, should it not run; for one such update. The arguments are
    those of `Client.start_workflow`; the conflict policy must be given."""

    def __init__(
        self,
        workflow: str | Callable[..., Awaitable[ReturnType]],
        arg: Any = UNSET,
        *,
        args: Sequence[Any] = (),
        id: str,
        task_queue: str,
        id_conflict_policy: WorkflowIDConflictPolicy,
        result_type: type | None = None,
        execution_timeout: timedelta | None = None,
        run_timeout: timedelta | None = None,
        task_timeout: timedelta | None = None,
        id_reuse_policy: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        retry_policy: RetryPolicy | None = None,
        cron_schedule: str = "",
        memo: Mapping[str, Any] | None = None,
        search_attributes: TypedSearchAttributes | SearchAttributes | None = None,
        start_delay: timedelta | None = None,
    ) -> None:
        if id_conflict_policy == WorkflowIDConflictPolicy.UNSPECIFIED:
            raise ValueError("give an id_conflict_policy: USE_EXISTING, FAIL or TERMINATE_EXISTING")
        name, hint = workflow_name_and_type(workflow)
        self.input = StartWorkflowInput(
            workflow=name,
            args=positional_arguments(arg, (), args),
            id=id,
            task_queue=task_queue,
            execution_timeout=execution_timeout,
            run_timeout=run_timeout,
            task_timeout=task_timeout,
            id_reuse_policy=id_reuse_policy,
            id_conflict_policy=id_conflict_policy,
            retry_policy=retry_policy,
            cron_schedule=cron_schedule,
            memo=memo,
            search_attributes=search_attributes,
            start_delay=start_delay,
            headers={},
            ret_type=result_type or hint,
            rpc_timeout=None,
        )
        self._handle: asyncio.Future[WorkflowHandle[SelfType, ReturnType]] | None = None
        self._is_used = False

    async def workflow_handle(self) -> WorkflowHandle[SelfType, ReturnType]:
        """A handle to the workflow that got the update, as soon as that is known."""
        return await asyncio.shield(self._future())

    def take(self) -> StartWorkflowInput:
        """The start, once.

        Raises:
            RuntimeError: it was used before.
        """
        if self._is_used:
            raise RuntimeError("a WithStartWorkflowOperation is for one update; make another one")
        self._is_used = True
        return self.input

    def started(self, connection: Connection, run_id: str) -> None:
        """The update has reached a run."""
        handle = WorkflowHandle[SelfType, ReturnType](
            connection,
            self.input.id,
            result_run_id=run_id,
            first_execution_run_id=run_id,
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


class WithStartCalls:
    """The part of a `Client` that sends updates with a start."""

    _connection: Connection

    async def execute_update_with_start_workflow(
        self,
        update: str | Callable[..., Any],
        arg: Any = UNSET,
        *,
        start_workflow_operation: WithStartWorkflowOperation[Any, Any],
        args: Sequence[Any] = (),
        id: str | None = None,
        result_type: type | None = None,
        rpc_timeout: timedelta | None = None,
    ) -> Any:
        """Send an update to a workflow that is started if it does not run, and wait for its result.

        Args:
            update: The handler, or its name.
            arg: Its argument, if it takes one.
            args: Its arguments, if it takes several.
            start_workflow_operation: How to start the workflow. Of USE_EXISTING, the run that is open gets the update.
            id: The update id; by default a new one.
            result_type: What the result is converted to, where `update` is a name.
            rpc_timeout: How long to wait. None: for as long as it takes.

        Raises:
            WorkflowAlreadyStartedError: the workflow runs, and the conflict policy is FAIL; or it has run before, and
                its reuse policy does not allow another run.
            WorkflowUpdateFailedError: the update was rejected, or failed. The workflow may have been started.
            Further, what `WorkflowHandle.execute_update` raises.
        """
        handle = await self._start_update_with_start(
            update, arg, args, start_workflow_operation, WorkflowUpdateStage.COMPLETED, id, result_type, rpc_timeout
        )
        return await handle.result()

    async def start_update_with_start_workflow(
        self,
        update: str | Callable[..., Any],
        arg: Any = UNSET,
        *,
        start_workflow_operation: WithStartWorkflowOperation[Any, Any],
        wait_for_stage: WorkflowUpdateStage,
        args: Sequence[Any] = (),
        id: str | None = None,
        result_type: type | None = None,
        rpc_timeout: timedelta | None = None,
    ) -> WorkflowUpdateHandle[Any]:
        """The same, until the update has come to a stage: ACCEPTED or COMPLETED."""
        return await self._start_update_with_start(
            update, arg, args, start_workflow_operation, wait_for_stage, id, result_type, rpc_timeout
        )

    async def _start_update_with_start(
        self,
        update: str | Callable[..., Any],
        arg: Any,
        args: Sequence[Any],
        operation: WithStartWorkflowOperation[Any, Any],
        stage: WorkflowUpdateStage,
        update_id: str | None,
        result_type: type | None,
        rpc_timeout: timedelta | None,
    ) -> WorkflowUpdateHandle[Any]:
        connection = self._connection
        input = operation.take()
        values = positional_arguments(arg, (), args)
        try:
            request, hint = update_request(connection, input.id, None, update, values, update_id, stage)
            start = start_request(connection, input, wait_result=False)
            await connection.register_types(start.search_attributes, rpc_timeout)
            both = StartWorkflowWith(connection.namespace, input.id, start, None, request)
            reply = await ask_update(connection, input.id, both, rpc_timeout)
        except Refusal as refusal:
            error = start_refused(refusal, input.id, input.workflow)
            operation.failed(error)
            raise error from None
        except BaseException as error:
            operation.failed(error)
            raise
        operation.started(connection, reply.run_id)
        return handle_of(connection, input.id, request.update_id, reply, result_type or hint)
