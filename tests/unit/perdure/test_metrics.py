"""Instruments say what they were told, with all attributes, to where the meter sends it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perdure.common import MetricMeter
from perdure.metrics import MetricAttributes, MetricKind, Recorder


class NotingMeter(MetricMeter):
    """Keeps what was recorded."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str, float, dict[str, Any]]] = []

    def recorder(self, kind: MetricKind, name: str, description: str | None, unit: str | None) -> Recorder:
        def note(value: float, attributes: MetricAttributes) -> None:
            self.notes.append((kind.name, name, value, dict(attributes)))

        return note


def test_each_instrument_records() -> None:
    meter = NotingMeter()
    meter.create_counter("a").add(1)
    meter.create_histogram("b").record(2)
    meter.create_histogram_float("c").record(2.5)
    meter.create_histogram_timedelta("d").record(timedelta(minutes=1))
    meter.create_gauge("e").set(3)
    meter.create_gauge_float("f").set(3.5)
    assert meter.notes == [
        ("COUNTER", "a", 1, {}),
        ("HISTOGRAM", "b", 2, {}),
        ("HISTOGRAM_FLOAT", "c", 2.5, {}),
        ("HISTOGRAM_TIMEDELTA", "d", 60.0, {}),
        ("GAUGE", "e", 3, {}),
        ("GAUGE_FLOAT", "f", 3.5, {}),
    ]


def test_attributes_add_up() -> None:
    meter = NotingMeter()
    counter = meter.with_additional_attributes({"a": 1, "b": 1}).create_counter("n", "what", "unit")
    more = counter.with_additional_attributes({"b": 2, "c": 2})
    more.add(5, {"c": 3})
    counter.add(6)
    assert [note[2:] for note in meter.notes] == [(5, {"a": 1, "b": 2, "c": 3}), (6, {"a": 1, "b": 1})]
    assert (more.name, more.description, more.unit) == ("n", "what", "unit")


def test_what_is_negative_is_refused() -> None:
    with pytest.raises(ValueError, match="metric 'n' was given -1"):
        NotingMeter().create_counter("n").add(-1)


def test_without_a_meter_nothing_happens() -> None:
    MetricMeter.noop.with_additional_attributes({"a": 1}).create_gauge("n").set(5)
