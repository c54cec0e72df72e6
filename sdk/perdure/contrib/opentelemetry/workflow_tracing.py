"""The spans of workflows: points in the workflow's own time, made once and never on a replay.

Rule: a span's identity is by chance, and making it is I/O, so that it is done outside of what is deterministic
(`workflow.unsafe.sandbox_unrestricted`); the workflow's own chance is not touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn

from opentelemetry import context as contexts, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind
from opentelemetry.util.types import AttributeValue

from perdure import workflow
from perdure.contrib.opentelemetry.carrier import HasHeaders, context_of, put_context
from perdure.worker import (
    ContinueAsNewInput,
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

if TYPE_CHECKING:
    from perdure.contrib.opentelemetry.tracing import TracingInterceptor

_current: ContextVar[TracingWorkflowInboundInterceptor | None] = ContextVar("perdure_tracing_workflow", default=None)


def current_tracing() -> TracingWorkflowInboundInterceptor | None:
    """What traces the workflow that runs here, if anything does."""
    return _current.get()


class TracingWorkflowInboundInterceptor(WorkflowInboundInterceptor):
    """See the module's docstring.

    Attributes:
        tracing: Whose spans these are; set by `TracingInterceptor.workflow_interceptor_class`. A class of your own
            that is given there without it traces by the global provider.
    """

    tracing: TracingInterceptor | None = None

    def __init__(self, next: WorkflowInboundInterceptor) -> None:
        super().__init__(next)
        if self.tracing is None:
            from perdure.contrib.opentelemetry.tracing import TracingInterceptor

            self.tracing = TracingInterceptor()
        self._propagator = self.tracing.propagator

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_TracingOutbound(outbound, self))

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        with self._inside(context_of(self._propagator, input.headers)):
            workflow_type = workflow.info().workflow_type
            run = self.point(f"RunWorkflow:{workflow_type}", kind=SpanKind.SERVER)
            with self._inside(run):
                try:
                    result = await super().execute_workflow(input)
                except Exception as error:
                    if workflow.is_failure_exception(error):
                        self.point(f"CompleteWorkflow:{workflow_type}", exception=error)
                    raise
                self.point(f"CompleteWorkflow:{workflow_type}")
                return result

    async def handle_signal(self, input: HandleSignalInput) -> None:
        with self._handling(f"HandleSignal:{input.signal}", input):
            await super().handle_signal(input)

    async def handle_query(self, input: HandleQueryInput) -> Any:
        with self._inside(context_of(self._propagator, input.headers)):
            handled = self.point(f"HandleQuery:{input.query}", kind=SpanKind.SERVER, even_on_replay=True)
            with self._inside(handled):
                return await super().handle_query(input)

    def handle_update_validator(self, input: HandleUpdateInput) -> None:
        with self._handling(f"ValidateUpdate:{input.update}", input):
            super().handle_update_validator(input)

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:
        with self._handling(f"HandleUpdate:{input.update}", input):
            return await super().handle_update_handler(input)

    @contextmanager
    def _handling(self, name: str, input: HandleSignalInput | HandleUpdateInput) -> Iterator[None]:
        """A block in the workflow's trace, linked to whoever sent what is handled."""
        sender = context_of(self._propagator, input.headers)
        own = context_of(self._propagator, workflow.info().headers)
        with self._inside(own), self._inside(self.point(name, kind=SpanKind.SERVER, linked_to=sender)):
            yield

    def point(
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, AttributeValue] | None = None,
        exception: Exception | None = None,
        linked_to: Context | None = None,
        even_on_replay: bool = False,
    ) -> Context | None:
        """A span without length, now; returns the context in which what it caused happens. None if there is none to be
        made: on a replay, or outside of any trace."""
        tracing = self.tracing
        assert tracing is not None
        if workflow.unsafe.is_replaying() and not even_on_replay:
            return None
        within = contexts.get_current()
        in_trace = trace.get_current_span(within).get_span_context().is_valid
        links = _links(linked_to)
        if not in_trace and not links and not tracing.always_create_workflow_spans:
            return None
        info, now_ns = workflow.info(), workflow.time_ns()
        with workflow.unsafe.sandbox_unrestricted():
            span = tracing.tracer.start_span(
                name,
                within,
                kind,
                {"temporalWorkflowID": info.workflow_id, "temporalRunID": info.run_id, **(attributes or {})},
                links,
                start_time=now_ns,
            )
            if exception is not None:
                span.record_exception(exception)
                span.set_status(trace.Status(trace.StatusCode.ERROR, f"{type(exception).__name__}: {exception}"))
            span.end(now_ns)
        return trace.set_span_in_context(span, within)

    def send(self, name: str, input: HasHeaders, kind: SpanKind = SpanKind.CLIENT) -> None:
        """A span of something that the workflow asks for, which the headers tell the other side of."""
        put_context(self._propagator, input, self.point(name, kind=kind))

    @contextmanager
    def _inside(self, context: Context | None) -> Iterator[None]:
        """A block in a context; in the one that is current if there is none."""
        before = _current.set(self)
        token = None if context is None else contexts.attach(context)
        try:
            yield
        finally:
            # A workflow that leaves memory is closed from outside, where these are not current.
            if _current.get() is self:
                _current.reset(before)
            if token is not None and contexts.get_current() is context:
                contexts.detach(token)


def _links(context: Context | None) -> list[Link]:
    if context is None:
        return []
    span_context = trace.get_current_span(context).get_span_context()
    return [Link(span_context)] if span_context.is_valid else []


class _TracingOutbound(WorkflowOutboundInterceptor):
    def __init__(self, next: WorkflowOutboundInterceptor, root: TracingWorkflowInboundInterceptor) -> None:
        super().__init__(next)
        self._root = root

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        self._root.send(f"StartActivity:{input.activity}", input)
        return super().start_activity(input)

    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:
        self._root.send(f"StartActivity:{input.activity}", input)
        return super().start_local_activity(input)

    async def signal_child_workflow(self, input: SignalChildWorkflowInput) -> None:
        self._root.send(f"SignalChildWorkflow:{input.signal}", input)
        await super().signal_child_workflow(input)

    async def signal_external_workflow(self, input: SignalExternalWorkflowInput) -> None:
        self._root.send(f"SignalExternalWorkflow:{input.signal}", input)
        await super().signal_external_workflow(input)

    async def start_child_workflow(self, input: StartChildWorkflowInput) -> workflow.ChildWorkflowHandle[Any, Any]:
        self._root.send(f"StartChildWorkflow:{input.workflow}", input)
        return await super().start_child_workflow(input)

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:
        put_context(self._root._propagator, input)
        super().continue_as_new(input)
