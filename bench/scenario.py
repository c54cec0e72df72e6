"""What is measured: a kind of workflow, how many, how many at once."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum

SHARDS_DEFAULT = 0
"""Whatever a contender does unless told otherwise."""


class Metric(StrEnum):
    """What a scenario is judged by."""

    THROUGHPUT = "workflows/s"
    TASKS = "tasks/s"
    LATENCY = "p50 ms"
    DURATION = "total s"

    @property
    def higher_is_better(self) -> bool:
        return self in (Metric.THROUGHPUT, Metric.TASKS)


@dataclass(frozen=True)
class Scenario:
    """`workflow` is `one` (a single activity), `ten` (ten in a row), `fan` (`argument` activities at once) or `task`
    (an activity without a workflow).

    Attributes:
        count: Workflows to run.
        concurrency: How many of them are open at any time.
        argument: Given to the workflow.
        metric: The number that matters.
        shards: Shard count of the cluster, `SHARDS_DEFAULT` for the contender's own.
    """

    name: str
    workflow: str
    count: int
    concurrency: int
    metric: Metric
    argument: int = 1
    shards: int = SHARDS_DEFAULT

    def warm_up(self) -> Scenario:
        """A small run of the same kind, whose result is thrown away."""
        if self.workflow == "fan":
            return dataclasses.replace(self, argument=max(10, self.argument // 10))
        count = max(10, self.count // 10)
        return dataclasses.replace(self, count=count, concurrency=min(self.concurrency, count))

    def shortened(self, factor: int) -> Scenario:
        """The same shape, `factor` times smaller, for a quick look."""
        if self.workflow == "fan":
            return dataclasses.replace(self, argument=self.argument // factor)
        count = max(20, self.count // factor)
        return dataclasses.replace(self, count=count, concurrency=min(self.concurrency, count))


SCENARIOS = (
    Scenario("one activity, idle", "one", 200, 1, Metric.LATENCY),
    Scenario("one activity, 1,000 at once", "one", 20_000, 1000, Metric.THROUGHPUT),
    Scenario("ten activities, idle", "ten", 100, 1, Metric.LATENCY),
    Scenario("ten activities, 500 at once", "ten", 2000, 500, Metric.THROUGHPUT),
    Scenario("fan-out of 10,000 activities", "fan", 1, 1, Metric.DURATION, argument=10_000),
    Scenario("task, idle", "task", 200, 1, Metric.LATENCY),
    Scenario("task, 2,000 at once", "task", 40_000, 2000, Metric.TASKS),
)

SHARD_SCENARIOS = tuple(
    Scenario(f"one activity, 1,000 at once, {shards} shards", "one", 20_000, 1000, Metric.THROUGHPUT, shards=shards)
    for shards in (4, 16, 256)
)
