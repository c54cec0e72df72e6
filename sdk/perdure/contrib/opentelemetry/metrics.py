"""A meter whose instruments are OpenTelemetry's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry import metrics

from perdure.metrics import MetricKind, MetricMeter, Recorder


class OpenTelemetryMetricMeter(MetricMeter):
    """Give one to `Client.connect(metric_meter=...)`. Durations are recorded in seconds."""

    def __init__(self, meter: metrics.Meter | None = None) -> None:
        """Make a meter.

        Args:
            meter: Makes the instruments; that of the global provider if not given.
        """
        self._meter = meter or metrics.get_meter("perdure")

    def recorder(self, kind: MetricKind, name: str, description: str | None, unit: str | None) -> Recorder:
        said = unit or ("s" if kind is MetricKind.HISTOGRAM_TIMEDELTA else "")
        make, record = _INSTRUMENTS[kind]
        instrument = make(self._meter)(name, said, description or "")
        recorder: Recorder = getattr(instrument, record)
        return recorder


_INSTRUMENTS: dict[MetricKind, tuple[Callable[[metrics.Meter], Callable[..., Any]], str]] = {
    MetricKind.COUNTER: (lambda meter: meter.create_counter, "add"),
    MetricKind.HISTOGRAM: (lambda meter: meter.create_histogram, "record"),
    MetricKind.HISTOGRAM_FLOAT: (lambda meter: meter.create_histogram, "record"),
    MetricKind.HISTOGRAM_TIMEDELTA: (lambda meter: meter.create_histogram, "record"),
    MetricKind.GAUGE: (lambda meter: meter.create_gauge, "set"),
    MetricKind.GAUGE_FLOAT: (lambda meter: meter.create_gauge, "set"),
}
