"""The chain of interceptors of one attempt of an activity, and its two ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perdure.activity.context import ActivityContext
from perdure.activity.information import Info
from perdure.protocol.payload import unpack_payload_map
from perdure.worker.activity_execution import ActivityExecution
from perdure.worker.attempt import Attempt
from perdure.worker.interceptor import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)


async def execute_intercepted(
    attempt: Attempt,
    execution: ActivityExecution,
    interceptors: Sequence[Interceptor],
    arguments: Sequence[Any],
) -> Any:
    """Call an activity through its interceptors. In the task of the attempt.

    Raises:
        DecodeError: the headers are no map of payloads.
        BaseException: whatever the activity or an interceptor raises.
    """
    inbound: ActivityInboundInterceptor = InboundEnd(attempt, execution)
    for interceptor in reversed(interceptors):
        inbound = interceptor.intercept_activity(inbound)
    inbound.init(OutboundEnd(attempt))
    definition = attempt.definition
    input = ExecuteActivityInput(
        fn=definition.function,
        args=arguments,
        executor=None if definition.is_async else execution.executor,
        headers=unpack_payload_map(attempt.task.headers),
    )
    return await inbound.execute_activity(input)


class InboundEnd(ActivityInboundInterceptor):
    """Calls the activity's code."""

    def __init__(self, attempt: Attempt, execution: ActivityExecution) -> None:
        self._attempt = attempt
        self._execution = execution

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self._attempt.outbound = outbound

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        if self._attempt.definition.is_async:
            return await input.fn(*input.args)
        return await self._execution.call(self._attempt, input.fn, input.args)


class OutboundEnd(ActivityOutboundInterceptor):
    """What the functions of `perdure.activity` do."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    def info(self) -> Info:
        return self._context.info()

    def heartbeat(self, *details: Any) -> None:
        self._context.heartbeat(details)
