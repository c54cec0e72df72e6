"""A scenario: everything that a run depends on, drawn from a seed. Any part of it can be run: that is how it is shrunk.

Whatever is drawn during a run is drawn from generators named after the seed and what they are for, so that leaving out
one fault or one workflow changes as little else as can be.
"""

from __future__ import annotations

import dataclasses
import json
import random
from dataclasses import dataclass
from typing import Any

from perdure_engine.history import cache
from tests.simulation import knobs
from tests.simulation.faults.plan import Fault, Kind, draw_plan
from tests.simulation.limit_plans import LIMITED
from tests.simulation.schedule_plans import SCHEDULES
from tests.simulation.task_plans import TASKS
from tests.simulation.virtual_loop import Order

ENGINES = 3
WORKERS = 3
WORKFLOWS = 25

TASKS_SHARE = 0.5
"""Of so many scenarios some workflows give way to activities without a workflow."""

NIGHT_SHARE = 0.2
"""Of those with such activities."""

LIMITS_SHARE = 0.25
"""Of so many scenarios workflows give way to a task queue under limits."""

SCHEDULES_SHARE = 0.25
"""Of so many scenarios some workflows give way to schedules."""


@dataclass(frozen=True)
class Scenario:
    """Attributes:
    workflows: numbers of those that are started.
    slots: tasks that a worker takes at once.
    adopts: what a worker does with a second entry for an attempt that it runs.
    has_small_cache: an engine holds about three runs in memory.
    skews_us: how far the clocks of the engines are off at first.
    low_knobs: see `knobs`.
    has_crowd: a client sends several starts at once, some of which cannot be kept.
    tasks: numbers of the activity ids under which clients start activities without a workflow.
    has_night: of these some are to begin an hour later only; everything is off in between.
    limited: numbers of the activities that go through a task queue under limits.
    schedules: numbers of the schedules that clients create.
    empties: at the end workers and clients are gone for so long that nothing of them may be left in the broker.
    """

    seed: int
    workflows: tuple[int, ...]
    faults: tuple[Fault, ...]
    order: Order = "fifo"
    shards: int = 4
    slots: int = 20
    adopts: bool = True
    has_small_cache: bool = False
    skews_us: tuple[int, ...] = (0,) * ENGINES
    low_knobs: tuple[str, ...] = ()
    empties: bool = False
    has_crowd: bool = False
    tasks: tuple[int, ...] = ()
    has_night: bool = False
    limited: tuple[int, ...] = ()
    schedules: tuple[int, ...] = ()

    def dice(self, purpose: str) -> random.Random:
        """A generator of its own for each purpose."""
        return random.Random(f"{self.seed}/{purpose}")

    @property
    def cache_bytes(self) -> int:
        return 3 * cache.RUN_OVERHEAD_BYTES if self.has_small_cache else cache.CACHE_BYTES_MAX

    def dump(self) -> str:
        """As JSON, for a test that keeps it."""
        return json.dumps(dataclasses.asdict(self) | {"faults": [tuple(fault) for fault in self.faults]}, indent=1)


def draw_scenario(seed: int, workflows: int = WORKFLOWS) -> Scenario:
    dice = random.Random(f"{seed}/scenario")
    whether = random.Random(f"{seed}/tasks")
    has_tasks, has_night = whether.random() < TASKS_SHARE, whether.random() < NIGHT_SHARE
    has_limits, has_schedules = whether.random() < LIMITS_SHARE, whether.random() < SCHEDULES_SHARE
    return Scenario(
        seed,
        tuple(range(int(workflows / (1 + has_tasks / 2 + has_limits + has_schedules / 2)))),
        draw_plan(random.Random(f"{seed}/faults"), ENGINES, WORKERS),
        dice.choice(["fifo", "shuffled", "shuffled", "newest"]),
        dice.choice([1, 4, 4, 8]),
        dice.choice([2, 20]),
        dice.choice([True, False]),
        dice.choice([True, False]),
        tuple(dice.choice([0, 0, 0, dice.randint(-400_000, 400_000)]) for _ in range(ENGINES)),
        knobs.draw(dice),
        dice.random() < 0.1,
        dice.random() < 0.3,
        tuple(range(TASKS)) if has_tasks else (),
        has_tasks and has_night,
        tuple(range(LIMITED)) if has_limits else (),
        tuple(range(SCHEDULES)) if has_schedules else (),
    )


def read_scenario(text: str) -> Scenario:
    """The inverse of `Scenario.dump`."""
    data: dict[str, Any] = json.loads(text)
    data["faults"] = [Fault(number, Kind(kind), *rest) for number, kind, *rest in data["faults"]]
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    return Scenario(**fields)
