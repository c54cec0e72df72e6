"""What traces a workflow, apart from the spans themselves."""

from __future__ import annotations

from perdure.contrib.opentelemetry import TracingInterceptor, TracingWorkflowInboundInterceptor
from perdure.contrib.opentelemetry.workflow_tracing import current_tracing
from perdure.worker import WorkflowInboundInterceptor, WorkflowInterceptorClassInput


def test_outside_of_workflows_nothing_traces() -> None:
    assert current_tracing() is None


def test_each_interceptor_has_a_class_of_its_own() -> None:
    one, other = TracingInterceptor(), TracingInterceptor()
    made = one.workflow_interceptor_class(WorkflowInterceptorClassInput())
    assert issubclass(made, TracingWorkflowInboundInterceptor)
    assert made.tracing is one
    assert other.workflow_interceptor_class(WorkflowInterceptorClassInput()).tracing is other


class Own(TracingWorkflowInboundInterceptor):
    pass


def test_a_class_of_ones_own_traces_by_the_global_provider() -> None:
    made = Own(WorkflowInboundInterceptor.__new__(WorkflowInboundInterceptor))
    assert isinstance(made.tracing, TracingInterceptor)
