"""Bugs of schedules: actions that are taken twice, left out, or taken beside others."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace

import pytest

from perdure_engine.core.schedule import executions, steps
from perdure_engine.core.schedule.overlap import Moves, moves
from perdure_engine.core.schedule.progress import Progress, Start
from tests.simulation.faults.plan import Fault, Kind
from tests.simulation.planted.bug import planted
from tests.simulation.rules import Rule
from tests.simulation.scenario import Scenario
from tests.simulation.schedule_plans import SCHEDULES


def _with_schedules(scenario: Scenario) -> Scenario:
    """And with little else."""
    return replace(
        scenario,
        workflows=(0, 1),
        tasks=(),
        limited=(),
        schedules=tuple(range(2 * SCHEDULES)),
        has_night=False,
    )


def _with_engines_that_die(scenario: Scenario) -> Scenario:
    """Where somebody else carries on what was begun."""
    faults = tuple(
        Fault(number, Kind.CRASH_ENGINE, 1.0 + number, number % 3, 0.0, "4 committed, and not told", float(number % 5))
        for number in range(20)
    )
    return replace(_with_schedules(scenario), faults=faults)


@planted(Rule.SCHEDULED_ONCE, sharpen=_with_engines_that_die)
def name_no_action_by_its_moment(patch: pytest.MonkeyPatch) -> None:
    """An action that is taken over from another engine is another action."""
    numbers = itertools.count()
    patch.setattr(executions, "_request_id", lambda plan, progress, what: f"schedule-{next(numbers)}")


@planted(Rule.SCHEDULED_ALL, sharpen=_with_schedules)
def make_up_for_nothing(patch: pytest.MonkeyPatch) -> None:
    """What is a moment late is missed, whatever the catch-up window is."""
    advance = steps.advanced

    def advanced(plan: steps.Plan, progress: Progress, now_us: int) -> Progress:
        policy = plan.definition.policy._replace(catchup_window_us=0)
        return advance(plan._replace(definition=plan.definition._replace(policy=policy)), progress, now_us)

    patch.setattr(steps, "advanced", advanced)


@planted(Rule.SCHEDULED_APART, sharpen=_with_schedules)
def overlook_what_runs(patch: pytest.MonkeyPatch) -> None:
    """An action is taken as if nothing of the schedule were running."""

    def moves_alone(due: Iterable[Start], *, is_running: bool, policy: int) -> Moves:
        return moves(due, is_running=False, policy=policy)

    patch.setattr(steps, "moves", moves_alone)
