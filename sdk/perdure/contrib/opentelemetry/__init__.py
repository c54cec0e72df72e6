"""OpenTelemetry for workflows and activities: spans that follow a call wherever it goes, and metrics.

Needs `pip install 'perdure[opentelemetry]'`. For spans, give a `TracingInterceptor` to `Client.connect` among its
`interceptors`; workers of that client trace, too. For metrics, give it an `OpenTelemetryMetricMeter` as `metric_meter`.
"""

from perdure.contrib.opentelemetry.metrics import OpenTelemetryMetricMeter
from perdure.contrib.opentelemetry.tracing import TracingInterceptor
from perdure.contrib.opentelemetry.workflow_tracing import TracingWorkflowInboundInterceptor

__all__ = ["OpenTelemetryMetricMeter", "TracingInterceptor", "TracingWorkflowInboundInterceptor"]
