"""The chain of interceptors of one workflow, and its two ends: what carries the intercepted calls out.

Rule: made when the workflow's first event is applied, inside its loop, since its parts are the user's code.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NoReturn, Protocol

from perdure.converter import DataConverter, PayloadConverter
from perdure.execution.interceptors import (
    ExecuteWorkflowInput,
    HandleQueryInput,
    HandleSignalInput,
    HandleUpdateInput,
    SignalChildWorkflowInput,
    SignalExternalWorkflowInput,
    StartActivityInput,
    StartChildWorkflowInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowOutboundInterceptor,
)
from perdure.protocol.payload import unpack_payload_map
from perdure.protocol.updates import UpdateDelivery
from perdure.workflow.activity_options import ActivityHandle
from perdure.workflow.child_options import ChildOptions, ChildWorkflowHandle
from perdure.workflow.continuation import ContinueAsNewInput, continuation_of
from perdure.workflow.definition import WorkflowDefinition
from perdure.workflow.information import Info
from perdure.workflow.runtime import Handlers
from perdure.workflow.update_handlers import UpdateDefinition


class Intercepted(Protocol):
    """What the ends of the chain ask of their workflow."""

    @property
    def definition(self) -> WorkflowDefinition: ...
    @property
    def instance(self) -> Any: ...
    @property
    def handlers(self) -> Handlers: ...
    @property
    def updates(self) -> Any: ...
    @property
    def payload_converter(self) -> PayloadConverter: ...
    @property
    def converter(self) -> DataConverter: ...
    def described(self) -> Info: ...

    @property
    def children(self) -> Any: ...
    @property
    def externals(self) -> Any: ...
    @property
    def start_activity(self) -> Callable[..., ActivityHandle[Any]]: ...
    @property
    def start_local_activity(self) -> Callable[..., ActivityHandle[Any]]: ...


class Interception:
    """See the module's docstring. `inbound` and `outbound` are the first interceptors of their way."""

    __slots__ = ("_workflow", "inbound", "outbound")

    def __init__(self, workflow: Intercepted, classes: Sequence[type[WorkflowInboundInterceptor]]) -> None:
        self._workflow = workflow
        self.outbound: WorkflowOutboundInterceptor = OutboundEnd(workflow)
        inbound: WorkflowInboundInterceptor = InboundEnd(workflow, self)
        for interceptor_class in reversed(classes):
            inbound = interceptor_class(inbound)
        self.inbound = inbound
        inbound.init(self.outbound)

    def execute(self, arguments: Sequence[Any], headers: bytes) -> Coroutine[Any, Any, Any]:
        """The workflow's `run`."""
        definition = self._workflow.definition
        return self.inbound.execute_workflow(
            ExecuteWorkflowInput(
                type=definition.target, run_fn=definition.run, args=arguments, headers=unpack_payload_map(headers)
            )
        )

    def handle_signal(self, name: str, arguments: Sequence[Any], headers: bytes) -> Coroutine[Any, Any, None]:
        """The handler of a signal."""
        return self.inbound.handle_signal(
            HandleSignalInput(signal=name, args=arguments, headers=unpack_payload_map(headers))
        )

    def handle_query(self, query_id: str, name: str, arguments: Sequence[Any], headers: bytes) -> Any:
        """What the handler of a query returns.

        Raises:
            RuntimeError: an interceptor waits.
        """
        coroutine = self.inbound.handle_query(
            HandleQueryInput(id=query_id, query=name, args=arguments, headers=unpack_payload_map(headers))
        )
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value
        coroutine.close()
        raise RuntimeError(f"an interceptor waits while it handles the query {name!r}; a query is answered at once")

    def update_input(self, delivery: UpdateDelivery, arguments: Sequence[Any]) -> HandleUpdateInput:
        """What the validator and the handler of an update are given."""
        headers = unpack_payload_map(delivery.headers)
        return HandleUpdateInput(id=delivery.update_id, update=delivery.update_name, args=arguments, headers=headers)


class InboundEnd(WorkflowInboundInterceptor):
    """Calls the workflow's code."""

    def __init__(self, workflow: Intercepted, interception: Interception) -> None:
        self._workflow = workflow
        self._interception = interception

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        self._interception.outbound = outbound

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        instance = self._workflow.instance
        return await (input.run_fn(*input.args) if instance is None else input.run_fn(instance, *input.args))

    async def handle_signal(self, input: HandleSignalInput) -> None:
        handlers = self._workflow.handlers
        definition = handlers.signal(input.signal) or handlers.signal(None)
        if definition is None:
            raise RuntimeError(f"an interceptor asks for the signal {input.signal!r}, which has no handler")
        result = handlers.bound(definition)(*input.args)
        if definition.is_async:
            await result

    async def handle_query(self, input: HandleQueryInput) -> Any:
        handlers = self._workflow.handlers
        definition = handlers.query(input.query) or handlers.query(None)
        if definition is None:
            raise RuntimeError(f"an interceptor asks for the query {input.query!r}, which has no handler")
        return handlers.bound(definition)(*input.args)

    def handle_update_validator(self, input: HandleUpdateInput) -> None:
        validator = self._update_definition(input).bind_validator(self._workflow.instance)
        if validator is not None:
            validator(*input.args)

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:
        definition = self._update_definition(input)
        result = self._workflow.updates.bound(definition)(*input.args)
        return await result if definition.is_async else result

    def _update_definition(self, input: HandleUpdateInput) -> UpdateDefinition:
        updates = self._workflow.updates
        definition: UpdateDefinition | None = updates.update(input.update) or updates.update(None)
        if definition is None:
            raise RuntimeError(f"an interceptor asks for the update {input.update!r}, which has no handler")
        return definition


class OutboundEnd(WorkflowOutboundInterceptor):
    """Asks the engine."""

    def __init__(self, workflow: Intercepted) -> None:
        self._workflow = workflow

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:
        raise continuation_of(input, self._workflow.converter)

    def info(self) -> Info:
        return self._workflow.described()

    def start_activity(self, input: StartActivityInput) -> ActivityHandle[Any]:
        return self._workflow.start_activity(
            input.activity,
            input.args,
            input.ret_type,
            input.awaited_at_once,
            input.task_queue,
            input.schedule_to_close_timeout,
            input.schedule_to_start_timeout,
            input.start_to_close_timeout,
            input.heartbeat_timeout,
            input.retry_policy,
            int(input.cancellation_type),
            input.activity_id,
            input.summary,
            input.priority,
            input.headers,
        )

    async def start_child_workflow(self, input: StartChildWorkflowInput) -> ChildWorkflowHandle[Any, Any]:
        options = ChildOptions(**{name: getattr(input, name) for name in ChildOptions._fields})
        child = self._workflow.children.ask(
            input.workflow, input.args, input.ret_type, options, input.headers, awaited_at_once=input.awaited_at_once
        )
        await child.wait_started()
        handle: ChildWorkflowHandle[Any, Any] = child
        return handle

    async def signal_child_workflow(self, input: SignalChildWorkflowInput) -> None:
        await self._workflow.externals.send_signal(
            input.child_workflow_id, None, input.signal, input.args, input.headers, input.initiated_event_id
        )

    async def signal_external_workflow(self, input: SignalExternalWorkflowInput) -> None:
        await self._workflow.externals.send_signal(
            input.workflow_id, input.workflow_run_id, input.signal, input.args, input.headers
        )

    def start_local_activity(self, input: StartLocalActivityInput) -> ActivityHandle[Any]:
        return self._workflow.start_local_activity(
            input.activity,
            input.args,
            input.ret_type,
            input.awaited_at_once,
            input.schedule_to_close_timeout,
            input.schedule_to_start_timeout,
            input.start_to_close_timeout,
            input.retry_policy,
            input.local_retry_threshold,
            int(input.cancellation_type),
            input.activity_id,
            input.summary,
            headers=input.headers,
        )
