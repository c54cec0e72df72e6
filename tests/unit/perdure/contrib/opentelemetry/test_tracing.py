"""One trace from a client's call to everything that came of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from perdure import activity, workflow
from perdure.client import Client, WithStartWorkflowOperation, WorkflowFailureError
from perdure.common import RetryPolicy, WorkflowIDConflictPolicy
from perdure.contrib.opentelemetry import TracingInterceptor
from perdure.contrib.opentelemetry.workflow import completed_span
from perdure.exceptions import ApplicationError, ApplicationErrorCategory
from perdure.worker import Replayer, Worker
from tests.memory_cluster import memory_cluster

QUEUE = "q"
TIMEOUT = timedelta(seconds=10)
ONCE = RetryPolicy(maximum_attempts=1)


@activity.defn
async def greet(name: str) -> str:
    with trace.get_tracer("user").start_as_current_span("unused"):
        return f"hello {name}"


@activity.defn
def greet_in_a_thread(name: str) -> str:
    assert trace.get_current_span().get_span_context().is_valid
    return f"hello {name}"


@activity.defn
async def fail(benign: bool) -> None:
    category = ApplicationErrorCategory.BENIGN if benign else ApplicationErrorCategory.UNSPECIFIED
    raise ApplicationError("no", category=category)


@workflow.defn
async def child() -> None:
    await workflow.execute_activity(greet, "child", start_to_close_timeout=TIMEOUT)


@workflow.defn
class Traced:
    def __init__(self) -> None:
        self.is_told = False

    @workflow.run
    async def run(self, name: str) -> str:
        first = workflow.random().random()
        await workflow.wait_condition(lambda: self.is_told)
        completed_span("of its own", attributes={"chance": first})
        await workflow.execute_activity(greet, name, start_to_close_timeout=TIMEOUT)
        await workflow.execute_activity(greet_in_a_thread, name, start_to_close_timeout=TIMEOUT)
        await workflow.execute_child_workflow(child)
        return f"{workflow.uuid4()}"

    @workflow.signal
    def tell(self) -> None:
        self.is_told = True

    @workflow.query
    def told(self) -> bool:
        return self.is_told

    @workflow.update
    async def ask(self) -> bool:
        return self.is_told

    @ask.validator
    def may_ask(self) -> None: ...


@workflow.defn
class Told:
    """Waits for a signal, and does a local activity."""

    def __init__(self) -> None:
        self.is_told = False

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: self.is_told)
        return await workflow.execute_local_activity(greet, "local", start_to_close_timeout=TIMEOUT)

    @workflow.signal
    def tell(self) -> None:
        self.is_told = True


@workflow.defn
async def telling() -> None:
    kid = await workflow.start_child_workflow(Told.run, id="kid")
    await kid.signal(Told.tell)
    await workflow.get_external_workflow_handle_for(Told.run, "other").signal(Told.tell)
    await kid


@workflow.defn
async def failing(benign: bool) -> None:
    await workflow.execute_activity(fail, benign, start_to_close_timeout=TIMEOUT, retry_policy=ONCE)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> Iterator[TracingInterceptor]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield TracingInterceptor(provider.get_tracer("test"))
    provider.shutdown()


@pytest.fixture
async def plain() -> AsyncIterator[Client]:
    async with memory_cluster() as client:
        yield client


WORKFLOWS = [Traced, child, failing, telling, Told]
ACTIVITIES = [greet, greet_in_a_thread, fail]


def tree(spans: tuple[ReadableSpan, ...]) -> list[str]:
    """The spans as lines, indented below their parents, in the order in which they began."""
    children: dict[int, list[ReadableSpan]] = {}
    for span in spans:
        children.setdefault(span.parent.span_id if span.parent else 0, []).append(span)

    def lines(parent: int, depth: int) -> Iterator[str]:
        for span in children.get(parent, ()):
            yield "  " * depth + span.name
            assert span.context is not None
            yield from lines(span.context.span_id, depth + 1)

    return list(lines(0, 0))


async def test_what_a_workflow_sends_to_others_is_in_its_trace(
    plain: Client, tracing: TracingInterceptor, exporter: InMemorySpanExporter
) -> None:
    client = Client(plain.transport, interceptors=[tracing])
    async with Worker(client, task_queue=QUEUE, workflows=WORKFLOWS, activities=ACTIVITIES):
        other = await plain.start_workflow(Told.run, id="other", task_queue=QUEUE)
        await client.execute_workflow(telling, id="w", task_queue=QUEUE)
        await other.result()
    spans = {span.name: span for span in exporter.get_finished_spans()}
    lines = [line.strip() for line in tree(exporter.get_finished_spans())]
    assert lines.index("StartWorkflow:telling") < lines.index("SignalExternalWorkflow:tell")
    assert {"SignalChildWorkflow:tell", "SignalExternalWorkflow:tell"} <= set(lines)
    assert lines[lines.index("StartActivity:greet") + 1] == "RunActivity:greet"
    handled = [span for span in exporter.get_finished_spans() if span.name == "HandleSignal:tell"]
    linked = {link.context.span_id for span in handled for link in span.links}
    for name in ("SignalChildWorkflow:tell", "SignalExternalWorkflow:tell"):
        context = spans[name].context
        assert context is not None
        assert context.span_id in linked


async def test_one_trace_holds_it_all(
    plain: Client, tracing: TracingInterceptor, exporter: InMemorySpanExporter
) -> None:
    client = Client(plain.transport, interceptors=[tracing])
    async with Worker(client, task_queue=QUEUE, workflows=WORKFLOWS, activities=ACTIVITIES):
        handle = await client.start_workflow(Traced.run, "ada", id="w", task_queue=QUEUE)
        await handle.signal(Traced.tell)
        await handle.result()
        assert await handle.query(Traced.told)
    lines = tree(exporter.get_finished_spans())
    roots = {line for line in lines if not line.startswith("  ")}
    assert roots == {"StartWorkflow:Traced", "SignalWorkflow:tell", "QueryWorkflow:told"}
    run = [line.strip() for line in lines if line.startswith("    ")]
    assert run == [
        "of its own",
        "StartActivity:greet",
        "RunActivity:greet",
        "StartActivity:greet_in_a_thread",
        "RunActivity:greet_in_a_thread",
        "StartChildWorkflow:child",
        "RunWorkflow:child",
        "StartActivity:greet",
        "RunActivity:greet",
        "CompleteWorkflow:child",
        "CompleteWorkflow:Traced",
    ]
    spans = {span.name: span for span in exporter.get_finished_spans()}
    signal, handled = spans["SignalWorkflow:tell"], spans["HandleSignal:tell"]
    assert [link.context.span_id for link in handled.links] == [signal.context.span_id]  # type: ignore[union-attr]
    assert dict(spans["RunActivity:greet"].attributes or {}).keys() >= {"temporalWorkflowID", "temporalActivityID"}
    made = len(exporter.get_finished_spans())
    history = await plain.get_workflow_handle("w").fetch_history()
    await Replayer(workflows=WORKFLOWS, interceptors=[tracing]).replay_workflow(history)
    await Replayer(workflows=WORKFLOWS).replay_workflow(history)
    assert len(exporter.get_finished_spans()) == made, "a replay makes no spans"


@pytest.mark.parametrize("benign", [False, True])
async def test_errors_are_seen_unless_they_are_benign(
    plain: Client, tracing: TracingInterceptor, exporter: InMemorySpanExporter, benign: bool
) -> None:
    client = Client(plain.transport, interceptors=[tracing])
    async with Worker(client, task_queue=QUEUE, workflows=WORKFLOWS, activities=ACTIVITIES):
        with pytest.raises(WorkflowFailureError):
            await client.execute_workflow(failing, benign, id="w", task_queue=QUEUE)
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert spans["RunActivity:fail"].status.is_ok is benign
    assert not spans["CompleteWorkflow:failing"].status.is_ok


async def test_a_workflow_that_nobody_traces_has_no_spans(
    plain: Client, tracing: TracingInterceptor, exporter: InMemorySpanExporter
) -> None:
    async with Worker(plain, task_queue=QUEUE, workflows=WORKFLOWS, activities=ACTIVITIES, interceptors=[tracing]):
        await plain.execute_workflow(child, id="w", task_queue=QUEUE)
    assert tree(exporter.get_finished_spans()) == ["RunActivity:greet"]


async def test_spans_may_be_made_always(
    plain: Client, tracing: TracingInterceptor, exporter: InMemorySpanExporter
) -> None:
    tracing.always_create_workflow_spans = True
    async with Worker(plain, task_queue=QUEUE, workflows=WORKFLOWS, activities=ACTIVITIES, interceptors=[tracing]):
        await plain.execute_workflow(child, id="w", task_queue=QUEUE)
    assert tree(exporter.get_finished_spans()) == [
        "RunWorkflow:child",
        "  StartActivity:greet",
        "    RunActivity:greet",
        "  CompleteWorkflow:child",
    ]


async def test_updates_are_traced(plain: Client, tracing: TracingInterceptor, exporter: InMemorySpanExporter) -> None:
    client = Client(plain.transport, interceptors=[tracing])
    async with Worker(client, task_queue=QUEUE, workflows=WORKFLOWS, activities=ACTIVITIES):
        start = WithStartWorkflowOperation(
            Traced.run, "ada", id="w", task_queue=QUEUE, id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING
        )
        await client.execute_update_with_start_workflow(Traced.ask, start_workflow_operation=start)
        handle = await start.workflow_handle()
        await handle.execute_update(Traced.ask)
        await handle.terminate()
    spans = exporter.get_finished_spans()
    sent = [
        span.context
        for span in spans
        if span.name in ("StartUpdateWithStartWorkflow:Traced", "StartWorkflowUpdate:ask")
    ]
    for name in ("ValidateUpdate:ask", "HandleUpdate:ask"):
        made = [span for span in spans if span.name == name]
        linked = [link.context.span_id for span in made for link in span.links]
        assert linked == [context.span_id for context in sent if context is not None]
