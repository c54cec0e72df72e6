"""`temporalio.runtime` by its names, for programs that configure it. There is no runtime beside Python's own here.

What the library has to say goes to the loggers below `perdure`, and metrics go where the client's `metric_meter` says
(`Client.connect(metric_meter=...)`; `perdure.contrib.opentelemetry` has one). So logging that is configured here is as
good as done, and metrics that are sent nowhere are said to be, by a warning.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import ClassVar

from perdure.metrics import MetricMeter


@dataclass
class TelemetryFilter:
    """Levels of what is logged; has no effect: set that of the logger `perdure`."""

    core_level: str
    other_level: str


class LoggingFormat(Enum):
    """Has no effect: Python's logging has its formatters."""

    COMPACT = 1
    PRETTY = 2
    JSON = 3


@dataclass
class LogForwardingConfig:
    """Has no effect: all is logged by Python's logging as it is."""

    logger: logging.Logger
    append_target_to_name: bool = True
    prepend_target_on_message: bool = True
    overwrite_log_record_time: bool = True
    append_log_fields_to_message: bool = True


@dataclass(frozen=True)
class LoggingConfig:
    """Has no effect, as its parts."""

    filter: TelemetryFilter | str
    forwarding: LogForwardingConfig | None = None
    format: LoggingFormat | None = None
    default: ClassVar[LoggingConfig]


LoggingConfig.default = LoggingConfig(TelemetryFilter("WARN", "ERROR"))


class OpenTelemetryMetricTemporality(Enum):
    """Of `OpenTelemetryConfig`."""

    CUMULATIVE = 1
    DELTA = 2


@dataclass(frozen=True)
class OpenTelemetryConfig:
    """Where metrics would be pushed to. See `Runtime`."""

    url: str
    headers: Mapping[str, str] | None = None
    metric_periodicity: timedelta | None = None
    metric_temporality: OpenTelemetryMetricTemporality = OpenTelemetryMetricTemporality.CUMULATIVE
    durations_as_seconds: bool = False
    http: bool = False
    histogram_bucket_overrides: Mapping[str, Sequence[float]] | None = None


@dataclass(frozen=True)
class PrometheusConfig:
    """Where metrics would be read. See `Runtime`."""

    bind_address: str
    counters_total_suffix: bool = False
    unit_suffix: bool = False
    durations_as_seconds: bool = False
    histogram_bucket_overrides: Mapping[str, Sequence[float]] | None = None


@dataclass(frozen=True)
class TelemetryConfig:
    """What a runtime is told about logs and metrics."""

    logging: LoggingConfig | None = LoggingConfig.default
    metrics: OpenTelemetryConfig | PrometheusConfig | None = None
    global_tags: Mapping[str, str] = field(default_factory=dict)
    attach_service_name: bool = True
    metric_prefix: str | None = None


class Runtime:
    """Accepted by `Client.connect`, and kept for nobody. Telemetry with `metrics` warns: nothing is sent or served."""

    _default: ClassVar[Runtime | None] = None
    _is_prevented: ClassVar[bool] = False

    def __init__(
        self, *, telemetry: TelemetryConfig, worker_heartbeat_interval: timedelta | None = timedelta(seconds=60)
    ) -> None:
        del worker_heartbeat_interval  # workers announce themselves as often as their leases need it
        self.telemetry = telemetry
        if telemetry.metrics is not None:
            warnings.warn(
                f"{type(telemetry.metrics).__name__} has no effect with Perdure: no metrics are sent or served by it. "
                "Give Client.connect(metric_meter=...) a meter; perdure.contrib.opentelemetry has one",
                UserWarning,
                stacklevel=2,
            )

    @property
    def metric_meter(self) -> MetricMeter:
        """A meter that records nothing."""
        return MetricMeter.noop

    @classmethod
    def default(cls) -> Runtime:
        """The one of this process.

        Raises:
            RuntimeError: it was prevented, and none is set.
        """
        if Runtime._default is None:
            if Runtime._is_prevented:
                raise RuntimeError("there is no default Runtime: Runtime.prevent_default was called; set one")
            Runtime._default = Runtime(telemetry=TelemetryConfig())
        return Runtime._default

    @classmethod
    def prevent_default(cls) -> None:
        """Have no default unless one is set.

        Raises:
            RuntimeError: there is one already.
        """
        if Runtime._default is not None:
            raise RuntimeError("Runtime.prevent_default comes too late: there is a default Runtime")
        Runtime._is_prevented = True

    @staticmethod
    def set_default(runtime: Runtime, *, error_if_already_set: bool = True) -> None:
        """Make one the default.

        Raises:
            RuntimeError: there is one already.
        """
        if Runtime._default is not None and error_if_already_set:
            raise RuntimeError("there is a default Runtime already; set it before the first use")
        Runtime._default = runtime
