"""Spans that workflow code makes itself."""

from __future__ import annotations

from perdure.contrib.opentelemetry.workflow import completed_span


def test_without_an_interceptor_nothing_happens() -> None:
    completed_span("anything", attributes={"a": 1}, exception=ValueError("x"))
