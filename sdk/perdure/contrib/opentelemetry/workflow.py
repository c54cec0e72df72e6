"""For workflow code: spans of its own."""

from __future__ import annotations

from opentelemetry.util.types import Attributes

from perdure.contrib.opentelemetry.workflow_tracing import current_tracing


def completed_span(name: str, *, attributes: Attributes = None, exception: Exception | None = None) -> None:
    """Make a span without length, at the workflow's time. None is made on a replay, or without a `TracingInterceptor`.

    Args:
        name: What the span is called.
        attributes: What it says beside the workflow id and the run id.
        exception: What went wrong.
    """
    tracing = current_tracing()
    if tracing is not None:
        tracing.point(name, attributes=attributes, exception=exception)
