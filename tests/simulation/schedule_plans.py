"""What clients do about one schedule: drawn ahead of time. When its actions are due is said in words that need no
calendar: a whole second is due if its number is in a class of remainders."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import NamedTuple

from perdure.client import ScheduleOverlapPolicy
from tests.simulation.plans import CLIENTS
from tests.simulation.process import EPOCH_US

SCHEDULES = 4
"""Schedules of a scenario that has any."""

END_S = 34.5
"""Nothing is due after this: some time after the last fault, so that what was missed is made up for before."""

BACKFILL_S = (-60.0, -30.0)
"""What may be backfilled lies before the simulation."""


REPLACES = (ScheduleOverlapPolicy.CANCEL_OTHER, ScheduleOverlapPolicy.TERMINATE_OTHER)


class Due(NamedTuple):
    """Seconds whose number, after `every`, leaves `rest`. `form`: how the schedule says so."""

    form: str
    every: int
    rest: int

    def moments(self, begin_s: float, end_s: float) -> list[int]:
        """Seconds since 1970, from one time of the simulation to another, whole ones included."""
        epoch_s = EPOCH_US / 1_000_000
        first, last = int(-(-(begin_s + epoch_s) // 1)), int((end_s + epoch_s) // 1)
        return [second for second in range(first, last + 1) if second % self.every == self.rest]


@dataclass(frozen=True)
class ScheduleAct:
    """`kind`: "trigger", "pause" (and go on after `lasts_s`), "backfill", "describe"."""

    kind: str
    client: int
    at_s: float
    lasts_s: float = 0.0


@dataclass
class SchedulePlan:
    """Times are virtual seconds from the beginning.

    Attributes:
        starts_workflow: else an activity.
        takes_ms: what is started takes so long.
        remaining: so many actions are taken by themselves; 0: no limit.
        triggers: the action is taken when the schedule is created.
    """

    schedule_id: str
    client: int
    create_at_s: float
    due: Due
    overlap: ScheduleOverlapPolicy
    starts_workflow: bool
    takes_ms: int
    jitter_s: float = 0.0
    catchup_s: float | None = None
    remaining: int = 0
    triggers: bool = False
    acts: list[ScheduleAct] = field(default_factory=list)

    @property
    def action_id(self) -> str:
        """What stands before the moment in the ids of what it starts."""
        return f"{self.schedule_id}/run"


def draw_schedule_plan(number: int, dice: random.Random) -> SchedulePlan:
    every = dice.choice([2, 3, 5, 6])
    plan = SchedulePlan(
        f"schedule-{number}",
        dice.randrange(CLIENTS),
        dice.choice([0.0, dice.uniform(0, 8)]),
        Due(dice.choice(["interval", "calendar", "cron"]), every, dice.randrange(every)),
        dice.choice(list(ScheduleOverlapPolicy)),
        dice.random() < 0.5,
        dice.choice([0, 50, 800, 4_000]),
        jitter_s=dice.choice([0.0, 0.0, 0.5]),
        catchup_s=dice.choice([None, None, 2.0]),
        remaining=dice.choice([0, 0, 0, 3]),
        triggers=dice.random() < 0.2,
    )
    for kind, share in (("trigger", 0.4), ("backfill", 0.4), ("pause", 0.3), ("describe", 0.3)):
        if dice.random() < share:
            plan.acts.append(
                ScheduleAct(kind, dice.randrange(CLIENTS), dice.uniform(9, 28), dice.choice([0.5, 3.0, 9.0]))
            )
    return plan
