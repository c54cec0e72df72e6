"""What a workflow engine is given, and what its clients measured together."""

from __future__ import annotations

from bench.contenders.workflow_peer import paced, together
from bench.measurement import Measurement
from bench.scenario import SCENARIOS, Metric


def test_a_slower_engine_is_given_fewer_workflows_and_the_same_fan_out() -> None:
    for scenario in SCENARIOS:
        given = paced(scenario, 0.1)
        if scenario.metric is Metric.THROUGHPUT:
            assert given.count == scenario.count // 10
            assert given.concurrency <= given.count
        else:
            assert given == scenario


def test_rates_add_up_and_latencies_are_the_slowest() -> None:
    parts = [Measurement(100, 2.0, 3.0, 9.0), Measurement(50, 2.5, 4.0, 8.0)]
    assert together(parts) == Measurement(workflows_per_s=150, total_s=2.5, p50_ms=4.0, p99_ms=9.0)
    assert together(parts[:1]) == parts[0]
