"""The context of a trace in headers: what links a span to the one that caused it, in another process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from perdure.common import Payload
from perdure.converter import PayloadConverter

HEADER = "_tracer-data"
"""The header's name; programs that use `temporalio` have the same."""

default_propagator: TextMapPropagator = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])


class HasHeaders(Protocol):
    """An input that travels."""

    headers: Mapping[str, Payload]


def put_context(propagator: TextMapPropagator, input: HasHeaders, context: Context | None = None) -> None:
    """Add a context, by default the current one, to the headers of an input; nothing if there is none to add."""
    carrier: dict[str, str] = {}
    propagator.inject(carrier, context)
    if carrier:
        input.headers = {**input.headers, HEADER: PayloadConverter.default.to_payload(carrier)}


def context_of(propagator: TextMapPropagator, headers: Mapping[str, Payload]) -> Context | None:
    """The context that headers carry. None if there is none, or what is there cannot be read: a trace is not worth a
    failure."""
    payload = headers.get(HEADER)
    if payload is None:
        return None
    try:
        carrier = PayloadConverter.default.from_payload(payload, dict[str, str])
    except (TypeError, ValueError):
        return None
    return propagator.extract(carrier)
