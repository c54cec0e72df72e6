"""Who takes part in which scenario."""

from __future__ import annotations

import pytest

from bench.contenders import CONTENDERS
from bench.scenario import SCENARIOS, SHARD_SCENARIOS, Scenario

EVERYTHING = (*SCENARIOS, *SHARD_SCENARIOS)


@pytest.mark.parametrize("scenario", EVERYTHING, ids=lambda scenario: scenario.name)
def test_perdure_takes_every_scenario(scenario: Scenario) -> None:
    assert CONTENDERS["perdure"].takes(scenario)


@pytest.mark.parametrize("name", CONTENDERS)
def test_nobody_waits_in_vain_for_a_scenario(name: str) -> None:
    assert any(CONTENDERS[name].takes(scenario) for scenario in EVERYTHING)


def test_shards_are_a_matter_of_those_who_have_them() -> None:
    with_shards = {name for name, contender in CONTENDERS.items() if contender.takes(SHARD_SCENARIOS[0])}
    assert with_shards == {"perdure", "probe"}
