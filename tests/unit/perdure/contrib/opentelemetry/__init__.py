"""Tests of `perdure.contrib.opentelemetry`."""
