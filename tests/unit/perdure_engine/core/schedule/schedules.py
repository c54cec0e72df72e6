"""Schedules for tests of their rules: one every ten seconds, from the beginning of time on."""

from __future__ import annotations

from typing import Any

from perdure.protocol.schedule import (
    IntervalSpec,
    Schedule,
    ScheduleAction,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
)
from perdure_engine.core.schedule.changes import definition_for
from perdure_engine.core.schedule.progress import Progress
from perdure_engine.core.schedule.steps import Plan, plan_of
from tests.engine_stage import start_request

SECOND_US = 1_000_000
BEGAN_US = 1_800_000_000 * SECOND_US
EVERY_US = 10 * SECOND_US
ACTIVE = ScheduleState()


def at(number: int) -> int:
    """The n-th moment of the schedule."""
    return BEGAN_US + number * EVERY_US


def schedule(*, state: ScheduleState = ACTIVE, jitter_us: int = 0, **policy: Any) -> Schedule:
    spec = ScheduleSpec(intervals=(IntervalSpec(EVERY_US),), jitter_us=jitter_us)
    return Schedule(ScheduleAction(start_request("job")), spec, SchedulePolicy(**policy), state)


def plan(**options: Any) -> Plan:
    return plan_of("default", "s", definition_for(schedule(**options), b"", b""))


def fresh(state: ScheduleState = ACTIVE) -> Progress:
    """Of a schedule that was created when time began."""
    return Progress(BEGAN_US, BEGAN_US, state)
