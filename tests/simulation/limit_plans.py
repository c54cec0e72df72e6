"""What an operator does to a task queue under limits, and what clients put into it: drawn ahead of time.

The limits that hold from the beginning are there before any engine is. Later ones are set while work goes on, and in
the end they are taken away.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.simulation.plans import CLIENTS
from tests.simulation.programs import Spec
from tests.simulation.task_plans import TaskPlan, TaskStart

LIMITED = 40
"""Activities of a scenario with limits."""

LIMITED_QUEUE = "limited"
KEYS = ("", "ada", "bob", "eve")

KNOWN_AFTER_S = 20.0
"""Every engine knows of a change after so long, one that was stopped meanwhile too."""

KNOWN_SOON_S = 3.0
"""Where nothing fails."""

LATE_S = 45.0
"""Some activities are started as late as this: while the queue is paused, too."""

_RESTS_S = KNOWN_AFTER_S + 7.0
"""What was changed stays so for so long."""


@dataclass(frozen=True)
class QueueLimits:
    """Of the queue, and of each key in it; 0: none."""

    rate: float = 0.0
    burst: int = 1
    concurrency: int = 0
    key_rate: float = 0.0
    key_burst: int = 1
    key_concurrency: int = 0
    is_paused: bool = False


NO_LIMITS = QueueLimits()

Changes = tuple[tuple[float, QueueLimits], ...]
"""When each is set, in virtual seconds; the first one at 0."""


def draw_changes(dice: random.Random) -> Changes:
    at_s = dice.uniform(10, 18)
    first, second = _limits(dice), _limits(dice)
    if dice.random() < 0.4:
        second = QueueLimits(is_paused=True)
    return (0.0, first), (at_s, second), (at_s + _RESTS_S, NO_LIMITS)


def _limits(dice: random.Random) -> QueueLimits:
    form = dice.choice(["rate", "concurrency", "key rate", "key concurrency", "all"])
    return QueueLimits(
        rate=dice.choice([3.0, 8.0]) if form in ("rate", "all") else 0.0,
        burst=dice.choice([1, 2, 5]),
        concurrency=dice.choice([1, 2, 4]) if form in ("concurrency", "all") else 0,
        key_rate=dice.choice([1.5, 5.0]) if form in ("key rate", "all") else 0.0,
        key_burst=dice.choice([1, 3]),
        key_concurrency=dice.choice([1, 2]) if form in ("key concurrency", "all") else 0,
    )


def draw_limited_plan(number: int, dice: random.Random, load_s: float) -> TaskPlan:
    """One activity in the queue: short, of some tenant, and not always of one unit."""
    activity_id = f"limited-{number}"
    kind = dice.choice([*["plain"] * 6, "retry", "once", "throttled", "threaded"])
    spec: Spec = {"kind": kind, "ms": dice.choice([0, 5, 50, 400]), "queue": LIMITED_QUEUE}
    spec |= {"key": dice.choice(KEYS), "cost": dice.choice([1, 1, 1, 2, 3]), "priority": dice.randint(1, 5)}
    if kind in ("retry", "throttled"):
        spec["fails"] = dice.choice([1, 2])
    start = TaskStart(dice.randrange(CLIENTS), 0.0, f"{activity_id}/first", spec)
    return TaskPlan(activity_id, dice.choice([0.0, dice.uniform(0, load_s), dice.uniform(0, LATE_S)]), [start])
