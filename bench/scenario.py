"""What is measured: a kind of workflow or task, how many, how many at once."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum

TASK = "task"
SYNC = "sync"
DRAIN = "drain"
WAITING = "waiting"
"""The kinds of scenarios about tasks; those about workflows are the names of `perdure_workflows`."""

SHARDS_DEFAULT = 0
"""Whatever a contender does unless told otherwise."""


class Metric(StrEnum):
    """What a scenario is judged by."""

    THROUGHPUT = "workflows/s"
    TASKS = "tasks/s"
    LATENCY = "p50 ms"
    DURATION = "total s"
    REDIS_MEMORY = "MB of Redis"

    @property
    def higher_is_better(self) -> bool:
        return self in (Metric.THROUGHPUT, Metric.TASKS)


@dataclass(frozen=True)
class Scenario:
    """One thing to measure.

    Attributes:
        workflow: `one` (a single activity), `ten` (ten in a row), `fan` (`argument` activities at once); or, without a
            workflow, `task` (an activity of `async` code), `sync` (of an ordinary function, in a pool of processes),
            `drain` (all are enqueued before a worker begins) and `waiting` (they are enqueued, and no worker begins).
        count: Workflows to run.
        concurrency: How many of them are open at any time.
        argument: Given to the workflow.
        metric: The number that matters.
        shards: Shard count of the cluster, `SHARDS_DEFAULT` for the contender's own.
        is_measured_once: In the first round only: it takes long, and gives the same number each time.
    """

    name: str
    workflow: str
    count: int
    concurrency: int
    metric: Metric
    argument: int = 1
    shards: int = SHARDS_DEFAULT
    is_measured_once: bool = False

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
    Scenario("task, idle", TASK, 200, 1, Metric.LATENCY),
    Scenario("task, 2,000 at once", TASK, 40_000, 2000, Metric.TASKS),
    Scenario("task, drained by a worker that comes later", DRAIN, 40_000, 2000, Metric.TASKS),
    Scenario("sync task in a process, 2,000 at once", SYNC, 20_000, 2000, Metric.TASKS),
    *(
        Scenario(f"{count:,} tasks that wait", WAITING, count, 2000, Metric.REDIS_MEMORY, is_measured_once=True)
        for count in (10_000, 100_000, 1_000_000)
    ),
)

SHARD_SCENARIOS = tuple(
    Scenario(f"one activity, 1,000 at once, {shards} shards", "one", 20_000, 1000, Metric.THROUGHPUT, shards=shards)
    for shards in (4, 16, 256)
)


def chosen(name: str) -> tuple[Scenario, ...]:
    """The scenario that has this name, or else all whose names contain it."""
    everything = (*SCENARIOS, *SHARD_SCENARIOS)
    exactly = tuple(scenario for scenario in everything if scenario.name == name)
    return exactly or tuple(scenario for scenario in everything if name in scenario.name)
