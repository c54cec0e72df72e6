"""Metrics of users' code: a meter makes instruments, and each thing they measure goes to where the program wants it.

Role: names are those of `temporalio`; they are public as `perdure.common.Metric...`. A meter is given to the client
(`metric_meter=`), and workflows and activities find it by `workflow.metric_meter()` and `activity.metric_meter()`.

To send metrics somewhere, extend `MetricMeter` by its one method `recorder`; `perdure.contrib.opentelemetry` has such a
meter. What is recorded in workflows is recorded once, never on a replay.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import Enum
from typing import ClassVar, Self, TypeVar

MetricAttributes = Mapping[str, str | int | float | bool]
Recorder = Callable[[float, MetricAttributes], None]
"""Takes one measurement, from any thread."""


class MetricKind(Enum):
    """What an instrument does with what it is told. Timedeltas are told in seconds."""

    COUNTER = "adds"
    HISTOGRAM = "distribution of integers"
    HISTOGRAM_FLOAT = "distribution of numbers"
    HISTOGRAM_TIMEDELTA = "distribution of durations, in seconds"
    GAUGE = "latest integer"
    GAUGE_FLOAT = "latest number"


class MetricCommon:
    """What all instruments have."""

    kind: ClassVar[MetricKind]

    def __init__(self, recorder: Recorder, name: str, description: str | None, unit: str | None) -> None:
        self._recorder = recorder
        self._name = name
        self._description = description
        self._unit = unit
        self._attributes: MetricAttributes = {}

    @property
    def name(self) -> str:
        return self._name

    @property
    def description(self) -> str | None:
        return self._description

    @property
    def unit(self) -> str | None:
        return self._unit

    def with_additional_attributes(self, additional_attributes: MetricAttributes) -> Self:
        """The same instrument, which says these attributes, too."""
        other = copy.copy(self)
        other._attributes = {**self._attributes, **additional_attributes}
        return other

    def _record(self, value: float, additional_attributes: MetricAttributes | None) -> None:
        if value < 0:
            raise ValueError(f"metric {self._name!r} was given {value}; it must not be negative")
        more = additional_attributes
        self._recorder(value, {**self._attributes, **more} if more else self._attributes)


class MetricCounter(MetricCommon):
    """A sum that only grows."""

    kind = MetricKind.COUNTER

    def add(self, value: int, additional_attributes: MetricAttributes | None = None) -> None:
        """Add to it.

        Raises:
            ValueError: the value is negative.
        """
        self._record(value, additional_attributes)


class MetricHistogram(MetricCommon):
    """A distribution of integers."""

    kind = MetricKind.HISTOGRAM

    def record(self, value: int, additional_attributes: MetricAttributes | None = None) -> None:
        """Note one value.

        Raises:
            ValueError: it is negative.
        """
        self._record(value, additional_attributes)


class MetricHistogramFloat(MetricCommon):
    """A distribution of numbers."""

    kind = MetricKind.HISTOGRAM_FLOAT

    def record(self, value: float, additional_attributes: MetricAttributes | None = None) -> None:
        """Note one value.

        Raises:
            ValueError: it is negative.
        """
        self._record(value, additional_attributes)


class MetricHistogramTimedelta(MetricCommon):
    """A distribution of durations, kept in seconds."""

    kind = MetricKind.HISTOGRAM_TIMEDELTA

    def record(self, value: timedelta, additional_attributes: MetricAttributes | None = None) -> None:
        """Note one duration.

        Raises:
            ValueError: it is negative.
        """
        self._record(value.total_seconds(), additional_attributes)


class MetricGauge(MetricCommon):
    """The latest of integers."""

    kind = MetricKind.GAUGE

    def set(self, value: int, additional_attributes: MetricAttributes | None = None) -> None:
        """Replace the value.

        Raises:
            ValueError: it is negative.
        """
        self._record(value, additional_attributes)


class MetricGaugeFloat(MetricCommon):
    """The latest of numbers."""

    kind = MetricKind.GAUGE_FLOAT

    def set(self, value: float, additional_attributes: MetricAttributes | None = None) -> None:
        """Replace the value.

        Raises:
            ValueError: it is negative.
        """
        self._record(value, additional_attributes)


_MetricT = TypeVar("_MetricT", bound=MetricCommon)


class MetricMeter(ABC):
    """Makes instruments. Asking for one twice is cheap, but not free: make them once.

    Attributes:
        noop: A meter whose instruments do nothing.
    """

    noop: ClassVar[MetricMeter]

    @abstractmethod
    def recorder(self, kind: MetricKind, name: str, description: str | None, unit: str | None) -> Recorder:
        """Where what an instrument measures goes. Asked once for each instrument that is made."""

    def create_counter(self, name: str, description: str | None = None, unit: str | None = None) -> MetricCounter:
        return self._made(MetricCounter, name, description, unit)

    def create_histogram(self, name: str, description: str | None = None, unit: str | None = None) -> MetricHistogram:
        return self._made(MetricHistogram, name, description, unit)

    def create_histogram_float(
        self, name: str, description: str | None = None, unit: str | None = None
    ) -> MetricHistogramFloat:
        return self._made(MetricHistogramFloat, name, description, unit)

    def create_histogram_timedelta(
        self, name: str, description: str | None = None, unit: str | None = None
    ) -> MetricHistogramTimedelta:
        return self._made(MetricHistogramTimedelta, name, description, unit)

    def create_gauge(self, name: str, description: str | None = None, unit: str | None = None) -> MetricGauge:
        return self._made(MetricGauge, name, description, unit)

    def create_gauge_float(
        self, name: str, description: str | None = None, unit: str | None = None
    ) -> MetricGaugeFloat:
        return self._made(MetricGaugeFloat, name, description, unit)

    def with_additional_attributes(self, additional_attributes: MetricAttributes) -> MetricMeter:
        """A meter whose instruments say these attributes, too."""
        return _AttributedMeter(self, additional_attributes)

    def _made(self, cls: type[_MetricT], name: str, description: str | None, unit: str | None) -> _MetricT:
        return cls(self.recorder(cls.kind, name, description, unit), name, description, unit)


class _AttributedMeter(MetricMeter):
    def __init__(self, meter: MetricMeter, attributes: MetricAttributes) -> None:
        self._meter = meter
        self._attributes = attributes

    def recorder(self, kind: MetricKind, name: str, description: str | None, unit: str | None) -> Recorder:
        record, attributes = self._meter.recorder(kind, name, description, unit), self._attributes
        return lambda value, more: record(value, {**attributes, **more})


class _NoopMeter(MetricMeter):
    def recorder(self, kind: MetricKind, name: str, description: str | None, unit: str | None) -> Recorder:
        return _nothing


def _nothing(value: float, attributes: MetricAttributes) -> None:
    """Where nothing goes."""


MetricMeter.noop = _NoopMeter()
