"""What a client offers for updates with a start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, overload

from perdure.client.connection import Connection
from perdure.client.inputs import StartWorkflowUpdateWithStartInput, UpdateWithStartUpdateWorkflowInput
from perdure.client.updates import WorkflowUpdateHandle, WorkflowUpdateStage
from perdure.client.with_start import WithStartWorkflowOperation
from perdure.common import UNSET, positional_arguments
from perdure.types import LocalReturnType, MultiParamSpec, ParamType, SelfType
from perdure.workflow import UpdateMethodMultiParam
from perdure.workflow.naming import update_name_and_type


class WithStartCalls:
    """The part of a `Client` that sends updates with a start."""

    _connection: Connection

    @overload
    async def execute_update_with_start_workflow(
        self,
        update: UpdateMethodMultiParam[[SelfType], LocalReturnType],
        *,
        start_workflow_operation: WithStartWorkflowOperation[SelfType, Any],
        id: str | None = None,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> LocalReturnType: ...
    @overload
    async def execute_update_with_start_workflow(
        self,
        update: UpdateMethodMultiParam[[SelfType, ParamType], LocalReturnType],
        arg: ParamType,
        *,
        start_workflow_operation: WithStartWorkflowOperation[SelfType, Any],
        id: str | None = None,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> LocalReturnType: ...
    @overload
    async def execute_update_with_start_workflow(
        self,
        update: UpdateMethodMultiParam[MultiParamSpec, LocalReturnType],
        *,
        start_workflow_operation: WithStartWorkflowOperation[Any, Any],
        args: Sequence[Any],
        id: str | None = None,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> LocalReturnType: ...
    @overload
    async def execute_update_with_start_workflow(
        self,
        update: str,
        arg: Any = ...,
        *,
        start_workflow_operation: WithStartWorkflowOperation[Any, Any],
        args: Sequence[Any] = (),
        id: str | None = None,
        result_type: type | None = None,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> Any: ...
    async def execute_update_with_start_workflow(
        self,
        update: str | Callable[..., Any],
        arg: Any = UNSET,
        *,
        start_workflow_operation: WithStartWorkflowOperation[Any, Any],
        args: Sequence[Any] = (),
        id: str | None = None,
        result_type: type | None = None,
        rpc_metadata: Mapping[str, str | bytes] = {},
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
            update,
            arg,
            args,
            start_workflow_operation,
            WorkflowUpdateStage.COMPLETED,
            id,
            result_type,
            rpc_metadata,
            rpc_timeout,
        )
        return await handle.result()

    @overload
    async def start_update_with_start_workflow(
        self,
        update: UpdateMethodMultiParam[[SelfType], LocalReturnType],
        *,
        start_workflow_operation: WithStartWorkflowOperation[SelfType, Any],
        wait_for_stage: WorkflowUpdateStage,
        id: str | None = None,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> WorkflowUpdateHandle[LocalReturnType]: ...
    @overload
    async def start_update_with_start_workflow(
        self,
        update: UpdateMethodMultiParam[[SelfType, ParamType], LocalReturnType],
        arg: ParamType,
        *,
        start_workflow_operation: WithStartWorkflowOperation[SelfType, Any],
        wait_for_stage: WorkflowUpdateStage,
        id: str | None = None,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> WorkflowUpdateHandle[LocalReturnType]: ...
    @overload
    async def start_update_with_start_workflow(
        self,
        update: UpdateMethodMultiParam[MultiParamSpec, LocalReturnType],
        *,
        start_workflow_operation: WithStartWorkflowOperation[Any, Any],
        wait_for_stage: WorkflowUpdateStage,
        args: Sequence[Any],
        id: str | None = None,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> WorkflowUpdateHandle[LocalReturnType]: ...
    @overload
    async def start_update_with_start_workflow(
        self,
        update: str,
        arg: Any = ...,
        *,
        start_workflow_operation: WithStartWorkflowOperation[Any, Any],
        wait_for_stage: WorkflowUpdateStage,
        args: Sequence[Any] = (),
        id: str | None = None,
        result_type: type | None = None,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> WorkflowUpdateHandle[Any]: ...
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
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> WorkflowUpdateHandle[Any]:
        """The same, until the update has come to a stage: ACCEPTED or COMPLETED."""
        return await self._start_update_with_start(
            update, arg, args, start_workflow_operation, wait_for_stage, id, result_type, rpc_metadata, rpc_timeout
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
        rpc_metadata: Mapping[str, str | bytes],
        rpc_timeout: timedelta | None,
    ) -> WorkflowUpdateHandle[Any]:
        name, hint = update_name_and_type(update)
        input = StartWorkflowUpdateWithStartInput(
            start_workflow_input=operation.take(),
            update_workflow_input=UpdateWithStartUpdateWorkflowInput(
                update_id=update_id,
                update=name,
                args=positional_arguments(arg, (), args),
                wait_for_stage=stage,
                headers={},
                ret_type=result_type or hint,
            ),
            rpc_metadata=rpc_metadata,
            rpc_timeout=rpc_timeout,
            _on_start=partial(operation.started, self._connection),
        )
        try:
            return await self._connection.calls.start_update_with_start_workflow(input)
        except BaseException as error:
            operation.failed(error)
            raise
