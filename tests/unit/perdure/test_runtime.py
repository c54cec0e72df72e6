"""A runtime is accepted; what it will not do is said."""

from __future__ import annotations

import logging

import pytest

from perdure import runtime
from perdure.common import MetricMeter
from perdure.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    OpenTelemetryConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)


@pytest.fixture(autouse=True)
def _no_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime.Runtime, "_default", None)
    monkeypatch.setattr(runtime.Runtime, "_is_prevented", False)


@pytest.mark.parametrize("metrics", [PrometheusConfig("0.0.0.0:9000"), OpenTelemetryConfig("http://collector")])
def test_metrics_that_go_nowhere_are_said_to(metrics: PrometheusConfig | OpenTelemetryConfig) -> None:
    with pytest.warns(UserWarning, match=f"{type(metrics).__name__} has no effect .*metric_meter="):
        Runtime(telemetry=TelemetryConfig(metrics=metrics))


def test_logging_is_accepted_in_silence() -> None:
    forwarding = LogForwardingConfig(logging.getLogger("mine"))
    made = Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(TelemetryFilter("INFO", "WARN"), forwarding)))
    assert made.metric_meter is MetricMeter.noop


def test_the_default_is_made_once_or_set_once() -> None:
    first = Runtime.default()
    assert Runtime.default() is first
    other = Runtime(telemetry=TelemetryConfig())
    with pytest.raises(RuntimeError, match="already"):
        Runtime.set_default(other)
    Runtime.set_default(other, error_if_already_set=False)
    assert Runtime.default() is other
    with pytest.raises(RuntimeError, match="too late"):
        Runtime.prevent_default()


def test_a_default_that_is_prevented_must_be_set() -> None:
    Runtime.prevent_default()
    with pytest.raises(RuntimeError, match="set one"):
        Runtime.default()
    Runtime.set_default(Runtime(telemetry=TelemetryConfig()))
    assert Runtime.default().telemetry.metrics is None
