"""Shrinking finds the few faults and workflows that matter."""

from __future__ import annotations

import dataclasses
import random

import pytest

from perdure_engine.history import visibility
from tests.simulation.rules import Finding, Rule
from tests.simulation.scenario import Scenario, draw_scenario, read_scenario
from tests.simulation.shrinking import Shrinker, fewest
from tests.simulation.simulating import simulate_scenario
from tests.simulation.verdict import Verdict


@pytest.mark.parametrize("wanted", [(), (0,), (19,), (3, 4), (0, 7, 19), tuple(range(20))])
def test_the_fewest_are_those_that_are_needed(wanted: tuple[int, ...]) -> None:
    tries = []

    def fails(items: tuple[int, ...]) -> bool:
        tries.append(items)
        return set(wanted) <= set(items)

    assert fewest(tuple(range(20)), fails) == wanted
    assert len(tries) < 150


def _verdict(scenario: Scenario) -> Verdict:
    """Breaks a rule if fault 3 and workflow 7 are there and some knob is low; without fault 5 another one."""
    numbers = [fault.number for fault in scenario.faults]
    verdict = Verdict(scenario.seed)
    if 3 in numbers and 7 in scenario.workflows and scenario.low_knobs:
        verdict.wrong.append(Finding(Rule.SIGNAL_KEPT, ""))
    if 5 not in numbers:
        verdict.wrong.append(Finding(Rule.LIVENESS, ""))
    return verdict


def test_what_is_shrunk_still_breaks_the_same_rule() -> None:
    scenario = dataclasses.replace(draw_scenario(1), low_knobs=("snapshots",))
    shrinker = Shrinker(_verdict)
    small = shrinker.shrink(scenario, _verdict(scenario).wrong)
    assert [fault.number for fault in small.faults] == [3]
    assert small.workflows == (7,)
    assert small.low_knobs == ("snapshots",)
    assert (small.order, small.shards, small.slots) == ("fifo", 1, 20)


def test_a_scenario_survives_being_kept() -> None:
    for seed in range(20):
        scenario = draw_scenario(seed)
        assert read_scenario(scenario.dump()) == scenario


def test_a_defect_is_shrunk_to_a_short_transcript(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody tells lists that a run was closed."""
    monkeypatch.setattr(visibility.VisibilityWriter, "closed", lambda self, batch, shard, state: None)
    scenario = draw_scenario(3, workflows=8)
    wrong = simulate_scenario(scenario).wrong
    assert {finding.rule for finding in wrong} >= {Rule.VISIBLE}
    small = Shrinker(simulate_scenario).shrink(scenario, wrong)
    assert (len(small.faults), len(small.workflows)) == (0, 1)
    told = simulate_scenario(small, transcript=True)
    assert told.trace == simulate_scenario(small).trace
    assert any("StartWorkflow" in line for line in told.transcript)
    assert any("the faults are over" in line for line in told.transcript)


def test_generators_of_parts_do_not_depend_on_each_other() -> None:
    """Leaving out a part must not change what the others draw."""
    scenario = draw_scenario(5)
    assert scenario.dice("workflow 3").random() == draw_scenario(5, workflows=4).dice("workflow 3").random()
    assert scenario.dice("workflow 3").random() != scenario.dice("workflow 4").random()
    assert random.Random(f"{scenario.seed}/workflow 3").random() == scenario.dice("workflow 3").random()
