"""What a client offers for activities without a workflow: start one, execute one, get a handle to one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Unpack, overload

from perdure.client.calls import ClientCalls
from perdure.client.connection import Connection
from perdure.client.standalone_handle import ActivityHandle
from perdure.client.standalone_options import (
    ActivityStartOptions,
    ActivityStartOptionsByName,
    ActivityStartOptionsWithArgs,
    client_activity_start,
)
from perdure.common import (
    UNSET,
)
from perdure.shared_options import takes_options_of
from perdure.types import (
    CallableAsyncNoParam,
    CallableAsyncSingleParam,
    CallableSyncNoParam,
    CallableSyncSingleParam,
    ParamType,
    ReturnType,
)


class StandaloneActivities:
    """The part of a `Client` that is about activities without a workflow."""

    _connection: Connection

    @overload
    async def start_activity(
        self, activity: CallableAsyncNoParam[ReturnType], **options: Unpack[ActivityStartOptions]
    ) -> ActivityHandle[ReturnType]: ...
    @overload
    async def start_activity(
        self, activity: CallableSyncNoParam[ReturnType], **options: Unpack[ActivityStartOptions]
    ) -> ActivityHandle[ReturnType]: ...
    @overload
    async def start_activity(
        self,
        activity: CallableAsyncSingleParam[ParamType, ReturnType],
        arg: ParamType,
        **options: Unpack[ActivityStartOptions],
    ) -> ActivityHandle[ReturnType]: ...
    @overload
    async def start_activity(
        self,
        activity: CallableSyncSingleParam[ParamType, ReturnType],
        arg: ParamType,
        **options: Unpack[ActivityStartOptions],
    ) -> ActivityHandle[ReturnType]: ...
    @overload
    async def start_activity(
        self, activity: Callable[..., Awaitable[ReturnType]], **options: Unpack[ActivityStartOptionsWithArgs]
    ) -> ActivityHandle[ReturnType]: ...
    @overload
    async def start_activity(
        self, activity: Callable[..., ReturnType], **options: Unpack[ActivityStartOptionsWithArgs]
    ) -> ActivityHandle[ReturnType]: ...
    @overload
    async def start_activity(
        self, activity: str, arg: Any = ..., **options: Unpack[ActivityStartOptionsByName]
    ) -> ActivityHandle[Any]: ...

    @takes_options_of(client_activity_start)
    async def start_activity(self, activity: Any, arg: Any = UNSET, **options: Any) -> ActivityHandle[Any]:
        """Start an activity without a workflow; it is durable when this returns, whether or not a worker polls its task
        queue.

        Args:
            activity: The activity, or the name of its type.
            arg: Its argument, if it takes one.
            args: Its arguments, if it takes several.
            id: The activity id: yours to choose, unique among the open activities of the namespace that have no
                workflow.
            task_queue: Where its workers poll.
            result_type: What the result is converted to, where `activity` is a name.
            schedule_to_close_timeout: Bounds all attempts together. This or the next but one is required.
            schedule_to_start_timeout: How long an attempt may wait in its task queue; after that there is no other one.
            start_to_close_timeout: Bounds one attempt.
            heartbeat_timeout: The longest silence of an attempt that sends heartbeats.
            id_reuse_policy: What to do when the last activity of this id is closed.
            id_conflict_policy: What to do when an activity of this id is open.
            retry_policy: How it is tried again. None: after a second, then twice as long each time, without end.
            search_attributes: What lists can find it by.
            summary: One line about it, for those who look at it.
            priority: Who goes first when tasks wait.
            start_delay: Wait this long before the first attempt.
            deduplication: What becomes of a start whose id is in use, or was a moment ago, in place of the two
                policies; the handle's `is_new` tells whether it began an execution.
            rpc_metadata: For interceptors; there is no gRPC.
            rpc_timeout: How long to wait for the engine's confirmation, by default 30 s.

        Raises:
            ActivityAlreadyStartedError: the id is taken; `run_id` says by which execution.
            PayloadSizeError: the arguments are larger than 2 MB.
            RPCError: refused, or no engine confirmed it in time.
        """
        return await self._connection.calls.start_activity(client_activity_start(activity, arg, **options))

    @overload
    async def execute_activity(
        self, activity: CallableAsyncNoParam[ReturnType], **options: Unpack[ActivityStartOptions]
    ) -> ReturnType: ...
    @overload
    async def execute_activity(
        self, activity: CallableSyncNoParam[ReturnType], **options: Unpack[ActivityStartOptions]
    ) -> ReturnType: ...
    @overload
    async def execute_activity(
        self,
        activity: CallableAsyncSingleParam[ParamType, ReturnType],
        arg: ParamType,
        **options: Unpack[ActivityStartOptions],
    ) -> ReturnType: ...
    @overload
    async def execute_activity(
        self,
        activity: CallableSyncSingleParam[ParamType, ReturnType],
        arg: ParamType,
        **options: Unpack[ActivityStartOptions],
    ) -> ReturnType: ...
    @overload
    async def execute_activity(
        self, activity: Callable[..., Awaitable[ReturnType]], **options: Unpack[ActivityStartOptionsWithArgs]
    ) -> ReturnType: ...
    @overload
    async def execute_activity(
        self, activity: Callable[..., ReturnType], **options: Unpack[ActivityStartOptionsWithArgs]
    ) -> ReturnType: ...
    @overload
    async def execute_activity(
        self, activity: str, arg: Any = ..., **options: Unpack[ActivityStartOptionsByName]
    ) -> Any: ...

    @takes_options_of(client_activity_start)
    async def execute_activity(self, activity: Any, arg: Any = UNSET, **options: Any) -> Any:
        """Start an activity without a workflow and wait for its result, in one request: `start_activity` and `result`.

        Raises:
            ActivityFailureError: it did not complete; `cause` says why.
            Further, what `start_activity` raises.
        """
        input = client_activity_start(activity, arg, **options)
        calls = self._connection.calls
        if isinstance(calls, ClientCalls) and input.rpc_timeout is None:
            return await calls.execute_activity(input)
        return await (await calls.start_activity(input)).result()

    @overload
    def get_activity_handle(self, activity_id: str, *, run_id: str | None = None) -> ActivityHandle[Any]: ...
    @overload
    def get_activity_handle(
        self, activity_id: str, *, run_id: str | None = None, result_type: type[ReturnType]
    ) -> ActivityHandle[ReturnType]: ...

    def get_activity_handle(
        self, activity_id: str, *, run_id: str | None = None, result_type: type | None = None
    ) -> ActivityHandle[Any]:
        """A handle to an activity without a workflow that may exist; nothing is asked yet. (To complete one from
        outside of its worker: `get_async_activity_handle`.)

        Args:
            activity_id: Its id.
            run_id: One of its executions; None: the last one.
            result_type: What the result is converted to.
        """
        return ActivityHandle(self._connection, activity_id, run_id=run_id, result_type=result_type)
