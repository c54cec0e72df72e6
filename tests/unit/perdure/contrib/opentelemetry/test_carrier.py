"""Contexts in headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from perdure.common import Payload
from perdure.contrib.opentelemetry.carrier import HEADER, context_of, default_propagator, put_context


@dataclass
class Input:
    headers: Mapping[str, Payload] = field(default_factory=dict)


def test_a_context_travels() -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    given = Input({"other": Payload({}, b"")})
    with tracer.start_as_current_span("a") as span:
        put_context(default_propagator, given)
    assert set(given.headers) == {"other", HEADER}
    found = context_of(default_propagator, given.headers)
    assert trace.get_current_span(found).get_span_context().span_id == span.get_span_context().span_id


def test_nothing_to_tell_is_no_header() -> None:
    given = Input()
    put_context(default_propagator, given)
    assert given.headers == {}
    assert context_of(default_propagator, {}) is None


def test_what_cannot_be_read_is_left_out() -> None:
    for payload in (Payload({"encoding": b"json/plain"}, b"5"), Payload({"encoding": b"binary/other"}, b"x")):
        assert context_of(default_propagator, {HEADER: payload}) is None
