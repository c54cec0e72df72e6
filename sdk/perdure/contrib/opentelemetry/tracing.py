"""`TracingInterceptor`: a span for each call of a client, for each attempt of an activity, and those of workflows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer

import perdure.client
import perdure.worker
from perdure import activity
from perdure.contrib.opentelemetry.carrier import HasHeaders, context_of, default_propagator, put_context
from perdure.contrib.opentelemetry.workflow_tracing import TracingWorkflowInboundInterceptor
from perdure.exceptions import ApplicationError, ApplicationErrorCategory


class TracingInterceptor(perdure.client.Interceptor, perdure.worker.Interceptor):
    """Give one to `Client.connect(interceptors=[...])`: workers of that client trace, too.

    A workflow's spans have no length: it may run for months, in many processes. They are made when its code runs for
    the first time, never on a replay. Spans of activities hang below the one of the workflow's start, or of the
    workflow.

    Extend it to change how contexts travel; a workflow interceptor of your own, given by `workflow_interceptor_class`,
    extends `TracingWorkflowInboundInterceptor`.

    Attributes:
        tracer: Makes the spans.
        propagator: How contexts travel.
        always_create_workflow_spans: See `__init__`.
    """

    propagator: TextMapPropagator = default_propagator

    def __init__(self, tracer: Tracer | None = None, *, always_create_workflow_spans: bool = False) -> None:
        """Make an interceptor.

        Args:
            tracer: Makes the spans; that of the global provider if not given.
            always_create_workflow_spans: Make spans in workflows that were started by a client without tracing, too.
        """
        self.tracer = tracer or trace.get_tracer("perdure")
        self.always_create_workflow_spans = always_create_workflow_spans

    def intercept_client(self, next: perdure.client.OutboundInterceptor) -> perdure.client.OutboundInterceptor:
        return _TracingClient(next, self)

    def intercept_activity(
        self, next: perdure.worker.ActivityInboundInterceptor
    ) -> perdure.worker.ActivityInboundInterceptor:
        return _TracingActivity(next, self)

    def workflow_interceptor_class(
        self, input: perdure.worker.WorkflowInterceptorClassInput
    ) -> type[TracingWorkflowInboundInterceptor]:
        return type("TracingWorkflow", (TracingWorkflowInboundInterceptor,), {"tracing": self})

    @contextmanager
    def current_span(
        self,
        name: str,
        kind: SpanKind,
        attributes: Mapping[str, str],
        *,
        to: HasHeaders | None = None,
        context: Context | None = None,
    ) -> Iterator[None]:
        """A span around a block, which the headers of `to` tell the other side of."""
        with self.tracer.start_as_current_span(
            name, context, kind, attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            if to is not None:
                put_context(self.propagator, to)
            try:
                yield
            except Exception as error:
                if not is_benign(error):
                    span.record_exception(error)
                    span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
                raise


def is_benign(error: BaseException) -> bool:
    """Whether an error is expected, so that its span is not marked."""
    return isinstance(error, ApplicationError) and error.category == ApplicationErrorCategory.BENIGN


class _TracingClient(perdure.client.OutboundInterceptor):
    def __init__(self, next: perdure.client.OutboundInterceptor, tracing: TracingInterceptor) -> None:
        super().__init__(next)
        self._tracing = tracing

    async def start_workflow(self, input: perdure.client.StartWorkflowInput) -> perdure.client.WorkflowHandle[Any, Any]:
        with self._span(f"StartWorkflow:{input.workflow}", input):
            return await super().start_workflow(input)

    async def signal_workflow(self, input: perdure.client.SignalWorkflowInput) -> None:
        with self._span(f"SignalWorkflow:{input.signal}", input):
            await super().signal_workflow(input)

    async def query_workflow(self, input: perdure.client.QueryWorkflowInput) -> Any:
        with self._span(f"QueryWorkflow:{input.query}", input):
            return await super().query_workflow(input)

    async def start_workflow_update(
        self, input: perdure.client.StartWorkflowUpdateInput
    ) -> perdure.client.WorkflowUpdateHandle[Any]:
        with self._span(f"StartWorkflowUpdate:{input.update}", input):
            return await super().start_workflow_update(input)

    async def start_update_with_start_workflow(
        self, input: perdure.client.StartWorkflowUpdateWithStartInput
    ) -> perdure.client.WorkflowUpdateHandle[Any]:
        start, update = input.start_workflow_input, input.update_workflow_input
        with self._span(f"StartUpdateWithStartWorkflow:{start.workflow}", start):
            put_context(self._tracing.propagator, update)
            return await super().start_update_with_start_workflow(input)

    def _span(self, name: str, input: Any) -> Any:
        return self._tracing.current_span(name, SpanKind.CLIENT, {"temporalWorkflowID": input.id}, to=input)


class _TracingActivity(perdure.worker.ActivityInboundInterceptor):
    def __init__(self, next: perdure.worker.ActivityInboundInterceptor, tracing: TracingInterceptor) -> None:
        super().__init__(next)
        self._tracing = tracing

    async def execute_activity(self, input: perdure.worker.ExecuteActivityInput) -> Any:
        tracing, info = self._tracing, activity.info()
        attributes = {
            "temporalWorkflowID": info.workflow_id,
            "temporalRunID": info.workflow_run_id,
            "temporalActivityID": info.activity_id,
        }
        with tracing.current_span(
            f"RunActivity:{info.activity_type}",
            SpanKind.SERVER,
            {name: value for name, value in attributes.items() if value},
            context=context_of(tracing.propagator, input.headers),
        ):
            return await super().execute_activity(input)
