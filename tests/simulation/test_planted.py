"""The auditor notices every planted bug."""

from __future__ import annotations

import pytest

from tests.simulation.planted import BUGS, SEEDS_MAX, PlantedBug
from tests.simulation.planted.hunt import hunt


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(bug: PlantedBug) -> None:
    catch = hunt(bug, range(bug.seed, bug.seed + SEEDS_MAX))
    assert catch.seed is not None, f"{bug.name}: no rule of {sorted(bug.rules)} was broken in {catch.runs} runs"


def test_there_are_bugs_enough() -> None:
    assert len(BUGS) >= 12
    assert len({bug.name for bug in BUGS}) == len(BUGS)
