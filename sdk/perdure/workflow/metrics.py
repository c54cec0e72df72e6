"""Metrics of workflow code: recorded once, when the code runs for the first time."""

from __future__ import annotations

from perdure.metrics import MetricAttributes, MetricKind, MetricMeter, Recorder
from perdure.workflow.runtime import current
from perdure.workflow.unsafe_code import unsafe


def metric_meter() -> MetricMeter:
    """The meter of the worker's client, with the attributes `namespace`, `task_queue` and `workflow_type`. What it is
    told on a replay is left out."""
    return current().metric_meter


class ReplaySafeMeter(MetricMeter):
    """Records nothing on a replay, and lets what records have the real time and I/O."""

    def __init__(self, meter: MetricMeter) -> None:
        self._meter = meter

    def recorder(self, kind: MetricKind, name: str, description: str | None, unit: str | None) -> Recorder:
        with unsafe.sandbox_unrestricted():
            record = self._meter.recorder(kind, name, description, unit)

        def record_once(value: float, attributes: MetricAttributes) -> None:
            if not unsafe.is_replaying():
                with unsafe.sandbox_unrestricted():
                    record(value, attributes)

        return record_once
