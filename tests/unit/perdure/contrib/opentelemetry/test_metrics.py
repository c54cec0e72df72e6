"""Instruments are OpenTelemetry's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from perdure.contrib.opentelemetry import OpenTelemetryMetricMeter


def test_what_is_recorded_is_there_to_be_read() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    meter = OpenTelemetryMetricMeter(provider.get_meter("test")).with_additional_attributes({"namespace": "default"})
    meter.create_counter("orders", "how many", "1").add(2, {"kind": "tea"})
    meter.create_histogram_timedelta("waited").record(timedelta(milliseconds=1500))
    meter.create_gauge("open").set(7)
    data: Any = reader.get_metrics_data()
    found = {metric.name: metric for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    (orders,) = found["orders"].data.data_points
    assert (orders.value, dict(orders.attributes)) == (2, {"namespace": "default", "kind": "tea"})
    assert (found["orders"].description, found["waited"].unit) == ("how many", "s")
    assert found["waited"].data.data_points[0].sum == 1.5
    assert found["open"].data.data_points[0].value == 7
    provider.shutdown()
