"""Medians and ratios of the bench: a ratio above 1 means faster, whatever is measured."""

from __future__ import annotations

import pytest

from bench.measurement import Measurement, Memory, Results, measurement_of, percentile
from bench.scenario import SCENARIOS, Metric, Scenario

BUSY = Scenario("busy", "one", 1000, 100, Metric.THROUGHPUT)
IDLE = Scenario("idle", "one", 100, 1, Metric.LATENCY)


def _measured(per_s: float, p50_ms: float) -> Measurement:
    return Measurement(workflows_per_s=per_s, total_s=1.0, p50_ms=p50_ms, p99_ms=2 * p50_ms)


@pytest.fixture
def results() -> Results:
    found = Results((BUSY, IDLE))
    for per_s, p50_ms in ((100, 3), (900, 1), (200, 2)):
        found.add("ours", BUSY, _measured(per_s, p50_ms))
        found.add("ours", IDLE, _measured(per_s, p50_ms))
    found.add("theirs", BUSY, _measured(400, 4))
    found.add("theirs", IDLE, _measured(400, 4))
    return found


def test_medians_are_taken_number_by_number(results: Results) -> None:
    median = results.median("ours", BUSY)
    assert median is not None
    assert (median.workflows_per_s, median.p50_ms) == (200, 2)


def test_ratio_above_one_is_faster(results: Results) -> None:
    assert results.ratio("ours", "theirs", BUSY) == 0.5
    assert results.ratio("ours", "theirs", IDLE) == 2.0


def test_who_did_not_run_has_no_number(results: Results) -> None:
    assert results.median("nobody", BUSY) is None
    assert results.ratio("ours", "nobody", BUSY) is None


def test_memory_is_the_median_peak_of_each_role(results: Results) -> None:
    for peak in (10, 30, 20):
        results.add_memory("ours", Memory({"engine": peak}))
    assert results.peak_bytes("ours") == {"engine": 20}


def test_measurement_of_latencies() -> None:
    measured = measurement_of([0.004, 0.001, 0.002, 0.003], total_s=2.0)
    assert measured.workflows_per_s == 2.0
    assert measured.p50_ms == pytest.approx(3.0)
    assert percentile([1.0], 0.99) == 1.0


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_smaller_runs_keep_their_shape(scenario: Scenario) -> None:
    for smaller in (scenario.warm_up(), scenario.shortened(10)):
        assert smaller.workflow == scenario.workflow
        assert smaller.concurrency <= max(scenario.concurrency, 1)
        assert smaller.count * smaller.argument < scenario.count * scenario.argument
