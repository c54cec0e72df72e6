"""A planted bug: one thing that the product does wrong, and the rules of the auditor that must notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.simulation.rules import Rule
from tests.simulation.scenario import Scenario

Plant = Callable[[pytest.MonkeyPatch], None]
Sharpen = Callable[[Scenario], Scenario]

SEEDS_MAX = 200
"""Runs within which every bug must be caught."""


@dataclass(frozen=True)
class PlantedBug:
    """Attributes:
    name: what the product does wrong, in a few words.
    plant: patches the product; the patches are undone by whoever gave them.
    rules: at least one of them must be broken by a run with the bug.
    seed: the first seed to try, chosen so that few are needed.
    sharpen: makes of any scenario one in which the bug matters more often, for a test that has little time.
    """

    name: str
    plant: Plant
    rules: frozenset[Rule]
    seed: int
    sharpen: Sharpen

    @property
    def harm(self) -> str:
        """What follows from the bug, in a sentence."""
        return " ".join((self.plant.__doc__ or "").split())


BUGS: list[PlantedBug] = []


def as_it_is(scenario: Scenario) -> Scenario:
    """For bugs that matter in most scenarios."""
    return scenario


def planted(*rules: Rule, seed: int = 1, sharpen: Sharpen = as_it_is) -> Callable[[Plant], Plant]:
    """Make a bug of a function that patches the product. Its name is that of the function, its harm the docstring."""

    def register(plant: Plant) -> Plant:
        BUGS.append(PlantedBug(plant.__name__.replace("_", " "), plant, frozenset(rules), seed, sharpen))
        return plant

    return register
