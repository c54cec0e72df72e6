"""The auditor notices every planted bug: else its silence would prove nothing."""

from __future__ import annotations

import pytest

from tests.simulation.planted import BUGS, SEEDS_MAX, PlantedBug
from tests.simulation.planted.hunt import Catch, hunt_all

NEEDED = {
    "skip the fence",
    "publish before commit",
    "ack before commit",
    "drop the cursor",
    "forget a republish",
    "lose a buffered signal",
    "count a zombies completion",
    "trust an old epoch",
    "evict in mid commit",
    "reuse a stale worker instance",
    "let a duplicate start run",
    "skip a timer below the cursor",
    "lose a childs outcome",
    "start a child twice",
    "lose a buffered signal at continue as new",
    "begin two successors",
    "drop an update after its acceptance",
    "deliver a signal of another workflow twice",
}
"""Bugs that must be among those that are planted, whatever others there are."""


@pytest.fixture(scope="module")
def catches() -> dict[str, Catch]:
    """All hunts at once, since they take all cores."""
    return {catch.bug.name: catch for catch in hunt_all(BUGS, sharpens=True)}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(bug: PlantedBug, catches: dict[str, Catch]) -> None:
    catch = catches[bug.name]
    assert catch.seed is not None, (
        f"{bug.harm} No rule of {[rule.name for rule in bug.rules]} noticed in {SEEDS_MAX} runs"
    )


def test_the_worst_bugs_are_among_them() -> None:
    assert {bug.name for bug in BUGS} >= NEEDED
    assert len({bug.name for bug in BUGS}) == len(BUGS)
