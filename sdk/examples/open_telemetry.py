"""OpenTelemetry: one trace from the client's call to the activity, and a metric of the workflow's own.

pip install 'perdure[opentelemetry]'
perdure dev                              # in one terminal
python sdk/examples/open_telemetry.py    # in another
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from perdure import activity, workflow
from perdure.client import Client
from perdure.contrib.opentelemetry import OpenTelemetryMetricMeter, TracingInterceptor
from perdure.worker import Worker

TASK_QUEUE = "traced"


@activity.defn
async def greet(name: str) -> str:
    return f"hello {name}"


@workflow.defn
class Greeting:
    @workflow.run
    async def run(self, name: str) -> str:
        workflow.metric_meter().create_counter("greetings").add(1)
        return await workflow.execute_activity(greet, name, start_to_close_timeout=timedelta(seconds=30))


async def main() -> None:
    spans, metrics = InMemorySpanExporter(), InMemoryMetricReader()  # yours: an OTLP exporter
    tracers, meters = TracerProvider(), MeterProvider([metrics])
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    async with (
        await Client.connect(
            interceptors=[TracingInterceptor(tracers.get_tracer("greetings"))],
            metric_meter=OpenTelemetryMetricMeter(meters.get_meter("greetings")),
        ) as client,
        Worker(client, task_queue=TASK_QUEUE, workflows=[Greeting], activities=[greet]),
    ):
        await client.execute_workflow(Greeting.run, "ada", id=f"greeting-{uuid.uuid4()}", task_queue=TASK_QUEUE)
    finished = spans.get_finished_spans()
    print("spans:", ", ".join(sorted(span.name for span in finished)))
    print("traces:", len({span.context.trace_id for span in finished if span.context}))
    measured = metrics.get_metrics_data()
    print("greetings counted:", measured is not None and '"greetings"' in measured.to_json())


if __name__ == "__main__":
    asyncio.run(main())
