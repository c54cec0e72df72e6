"""Bugs of flow control: limits that are more than they should be, and pauses that nobody keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perdure.protocol.task_queues import QueueSettings
from perdure_broker.flow import Limits
from perdure_engine import flow_control
from perdure_engine.matching.flow_dispatching import FlowDispatcher
from perdure_store.flow import QueueSettingsRow
from tests.simulation.limit_plans import LIMITED
from tests.simulation.planted.bug import planted
from tests.simulation.rules import Rule
from tests.simulation.scenario import Scenario


def _with_limits(scenario: Scenario) -> Scenario:
    """And with little else."""
    return replace(
        scenario, workflows=scenario.workflows[:2], tasks=(), limited=tuple(range(LIMITED)), has_night=False, faults=()
    )


def _read_wrongly(patch: pytest.MonkeyPatch, **factors: int) -> None:
    """Have engines take these numbers of settings for so many times what they are."""
    read = flow_control.settings_of

    def settings_of(row: QueueSettingsRow) -> QueueSettings:
        settings = read(row)
        wrong = {name: getattr(settings, name) * factor for name, factor in factors.items()}
        return settings._replace(**wrong)

    patch.setattr(flow_control, "settings_of", settings_of)


@planted(Rule.RATE, sharpen=_with_limits)
def let_twice_the_rate_pass(patch: pytest.MonkeyPatch) -> None:
    """A second counts twice."""
    _read_wrongly(patch, rate_micro=2)


@planted(Rule.CONCURRENCY, sharpen=_with_limits)
def let_twice_as_many_run(patch: pytest.MonkeyPatch) -> None:
    """Each task that is out counts for half a one."""
    _read_wrongly(patch, concurrency=2)


@planted(Rule.RATE, Rule.CONCURRENCY, sharpen=_with_limits)
def overlook_the_limits_of_keys(patch: pytest.MonkeyPatch) -> None:
    """What a tenant may do by itself nobody asks."""
    patch.setattr(FlowDispatcher, "_limits_of", lambda self, row, settings: Limits())


@planted(Rule.HELD, sharpen=_with_limits)
def overlook_a_pause(patch: pytest.MonkeyPatch) -> None:
    """A paused queue goes on."""
    _read_wrongly(patch, paused_until_us=0)
