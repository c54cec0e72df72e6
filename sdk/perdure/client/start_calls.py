"""What a client offers to start workflows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, Unpack, overload

from perdure.client.calls import ClientCalls
from perdure.client.connection import Connection
from perdure.client.handle import WorkflowHandle
from perdure.client.start_options import StartOptions, StartOptionsByName, StartOptionsWithArgs, client_start
from perdure.common import (
    UNSET,
)
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


class StartCalls:
    """The part of a `Client` that starts workflows."""

    _connection: Connection

    @overload
    async def start_workflow(
        self, workflow: MethodAsyncNoParam[SelfType, ReturnType], **options: Unpack[StartOptions]
    ) -> WorkflowHandle[SelfType, ReturnType]: ...
    @overload
    async def start_workflow(
        self,
        workflow: MethodAsyncSingleParam[SelfType, ParamType, ReturnType],
        arg: ParamType,
        **options: Unpack[StartOptions],
    ) -> WorkflowHandle[SelfType, ReturnType]: ...
    @overload
    async def start_workflow(
        self,
        workflow: Callable[Concatenate[SelfType, MultiParamSpec], Awaitable[ReturnType]],
        **options: Unpack[StartOptionsWithArgs],
    ) -> WorkflowHandle[SelfType, ReturnType]: ...
    @overload
    async def start_workflow(
        self, workflow: CallableAsyncNoParam[ReturnType], **options: Unpack[StartOptions]
    ) -> WorkflowHandle[Any, ReturnType]: ...
    @overload
    async def start_workflow(
        self, workflow: CallableAsyncSingleParam[ParamType, ReturnType], arg: ParamType, **options: Unpack[StartOptions]
    ) -> WorkflowHandle[Any, ReturnType]: ...
    @overload
    async def start_workflow(
        self, workflow: str, arg: Any = ..., **options: Unpack[StartOptionsByName]
    ) -> WorkflowHandle[Any, Any]: ...

    @takes_options_of(client_start)
    async def start_workflow(
        self, workflow: str | Callable[..., Awaitable[Any]], arg: Any = UNSET, **options: Any
    ) -> WorkflowHandle[Any, Any]:
        """Start a workflow; it is durable when this returns, whether or not a worker polls its task queue.

        Args:
            workflow: The workflow's `run` method, a workflow function, or the name of its type.
            arg: Its argument, if it takes one.
            args: Its arguments, if it takes several.
            id: The workflow id: yours to choose, unique among the open runs of the namespace.
            task_queue: Where its workers poll.
            result_type: What the result is converted to, where `workflow` is a name.
            execution_timeout: Bounds the workflow with its retries and continuations.
            run_timeout: Bounds one run.
            task_timeout: How long a worker may take for one workflow task.
            id_reuse_policy: What to do when the last run of this id is closed.
            id_conflict_policy: What to do when a run of this id is open.
            retry_policy: Start again when it fails. None: do not.
            cron_schedule: Run again and again at these times (UTC): five fields, `@daily` or the like, `@every 1h30m`;
                `CRON_TZ=Europe/Berlin ` before it names a time zone.
            memo: Notes that lists and descriptions show.
            search_attributes: What lists can find it by; a dictionary of lists is the deprecated form.
            start_delay: Wait this long before the first workflow task.
            start_signal: A signal that the new run gets, or the open one in its place.
            start_signal_args: Its arguments.
            static_summary: One line about the run, for those who look at it.
            static_details: More of the same.
            priority: Of its activities and children that have none of their own.
            rpc_metadata, request_eager_start: Accepted for programs written for `temporalio`; there is no gRPC, and
                each start is as quick.
            rpc_timeout: How long to wait for the engine's confirmation, by default 30 s.
            versioning_override: Which version of its workers the run goes to, whatever is current and they say.

        Raises:
            WorkflowAlreadyStartedError: the id is taken; `run_id` says by whom.
            PayloadSizeError: the arguments are too large.
            RPCError: refused, or no engine confirmed it in time.
        """
        return await self._connection.calls.start_workflow(client_start(workflow, arg, **options))

    @overload
    async def execute_workflow(
        self, workflow: MethodAsyncNoParam[SelfType, ReturnType], **options: Unpack[StartOptions]
    ) -> ReturnType: ...
    @overload
    async def execute_workflow(
        self,
        workflow: MethodAsyncSingleParam[SelfType, ParamType, ReturnType],
        arg: ParamType,
        **options: Unpack[StartOptions],
    ) -> ReturnType: ...
    @overload
    async def execute_workflow(
        self,
        workflow: Callable[Concatenate[SelfType, MultiParamSpec], Awaitable[ReturnType]],
        **options: Unpack[StartOptionsWithArgs],
    ) -> ReturnType: ...
    @overload
    async def execute_workflow(
        self, workflow: CallableAsyncNoParam[ReturnType], **options: Unpack[StartOptions]
    ) -> ReturnType: ...
    @overload
    async def execute_workflow(
        self, workflow: CallableAsyncSingleParam[ParamType, ReturnType], arg: ParamType, **options: Unpack[StartOptions]
    ) -> ReturnType: ...
    @overload
    async def execute_workflow(self, workflow: str, arg: Any = ..., **options: Unpack[StartOptionsByName]) -> Any: ...

    @takes_options_of(client_start)
    async def execute_workflow(
        self, workflow: str | Callable[..., Awaitable[Any]], arg: Any = UNSET, **options: Any
    ) -> Any:
        """Start a workflow and wait for its result, in one request: `start_workflow`, then `result`.

        Raises:
            WorkflowFailureError: it did not complete; `cause` says why.
            Further, what `start_workflow` raises.
        """
        input = client_start(workflow, arg, **options)
        calls = self._connection.calls
        if isinstance(calls, ClientCalls) and input.start_signal is None:
            return await calls.execute_workflow(input)
        return await (await calls.start_workflow(input)).result()
