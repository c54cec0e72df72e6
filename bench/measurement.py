"""What a run gave, and the medians and ratios of many."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bench.scenario import Metric, Scenario


@dataclass(frozen=True)
class Measurement:
    """One run of one scenario. Times as the client saw them, from call to result.

    Attributes:
        redis_bytes: What the tasks took of Redis, where that is what was measured.
    """

    workflows_per_s: float
    total_s: float
    p50_ms: float
    p99_ms: float
    redis_bytes: int = 0

    def value(self, metric: Metric) -> float:
        if metric in (Metric.THROUGHPUT, Metric.TASKS):
            return self.workflows_per_s
        if metric is Metric.REDIS_MEMORY:
            return self.redis_bytes / 1e6
        return self.p50_ms if metric is Metric.LATENCY else self.total_s


@dataclass(frozen=True)
class Memory:
    """Peak resident memory of the processes of a turn, by role, in bytes."""

    peak_bytes: Mapping[str, int]


@dataclass
class Results:
    """Everything that a run of the bench measured, by contender."""

    scenarios: tuple[Scenario, ...]
    runs: defaultdict[tuple[str, str], list[Measurement]] = field(default_factory=lambda: defaultdict(list))
    memories: defaultdict[str, list[Memory]] = field(default_factory=lambda: defaultdict(list))

    def add(self, contender: str, scenario: Scenario, measurement: Measurement) -> None:
        self.runs[contender, scenario.name].append(measurement)

    def add_memory(self, contender: str, memory: Memory) -> None:
        self.memories[contender].append(memory)

    def median(self, contender: str, scenario: Scenario) -> Measurement | None:
        """Medians, number by number, over the rounds; None if it never ran."""
        runs = self.runs.get((contender, scenario.name))
        if not runs:
            return None
        return Measurement(
            workflows_per_s=statistics.median(run.workflows_per_s for run in runs),
            total_s=statistics.median(run.total_s for run in runs),
            p50_ms=statistics.median(run.p50_ms for run in runs),
            p99_ms=statistics.median(run.p99_ms for run in runs),
            redis_bytes=int(statistics.median(run.redis_bytes for run in runs)),
        )

    def ratio(self, contender: str, reference: str, scenario: Scenario) -> float | None:
        """How many times as good as the reference: above 1 is faster, or smaller, whatever the metric."""
        ours, theirs = self.median(contender, scenario), self.median(reference, scenario)
        if ours is None or theirs is None:
            return None
        a, b = ours.value(scenario.metric), theirs.value(scenario.metric)
        if not scenario.metric.higher_is_better:
            a, b = b, a
        return a / b if b else None

    def peak_bytes(self, contender: str) -> dict[str, int]:
        """Median over the turns of each role's peak."""
        by_role: defaultdict[str, list[int]] = defaultdict(list)
        for memory in self.memories.get(contender, []):
            for role, peak in memory.peak_bytes.items():
                by_role[role].append(peak)
        return {role: int(statistics.median(peaks)) for role, peaks in by_role.items()}


def percentile(ordered: list[float], fraction: float) -> float:
    """Of an ascending list, which must not be empty."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * fraction))]


def measurement_of(seconds: Iterable[float], total_s: float) -> Measurement:
    """From the latency of each workflow and the time of all together."""
    ordered = sorted(seconds)
    return Measurement(
        workflows_per_s=len(ordered) / total_s,
        total_s=total_s,
        p50_ms=percentile(ordered, 0.50) * 1000,
        p99_ms=percentile(ordered, 0.99) * 1000,
    )
