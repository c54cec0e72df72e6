"""Shrinking: from a scenario that fails to a small one that breaks the same rule.

Faults and workflows are left out, in halves and then one after the other, and what else a scenario turns is turned
back, for as long as the rule is still broken. Each try is a whole run, so their number is bounded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

from tests.simulation.rules import Finding
from tests.simulation.scenario import ENGINES, Scenario
from tests.simulation.verdict import Verdict

T = TypeVar("T")

TRIES_MAX = 300

PLAIN: dict[str, Any] = {
    "empties": False,
    "has_crowd": False,
    "has_night": False,
    "low_knobs": (),
    "has_small_cache": False,
    "skews_us": (0,) * ENGINES,
    "order": "fifo",
    "adopts": True,
    "slots": 20,
    "shards": 1,
}
"""What is easiest to follow."""


class Shrinker:
    """Args:
        run: simulates a scenario.
        told: called with each smaller scenario that still fails.

    Attributes:
        tries: the scenarios that were run.
    """

    def __init__(self, run: Callable[[Scenario], Verdict], told: Callable[[Scenario], None] = lambda _: None) -> None:
        self._run = run
        self._told = told
        self.tries = 0

    def shrink(self, scenario: Scenario, wrong: list[Finding]) -> Scenario:
        """The smallest scenario that was found which breaks one of the rules that `wrong` tells of."""
        rules = {finding.rule for finding in wrong}
        while True:
            before = scenario
            for smaller in (self._plainer, self._fewer_faults):
                scenario = smaller(scenario, rules)
            for what in ("workflows", "tasks", "limited", "schedules"):
                scenario = self._fewer(what, scenario, rules)
            if scenario == before or self.tries >= TRIES_MAX:
                return scenario

    def _fails(self, scenario: Scenario, rules: set[Any]) -> bool:
        if self.tries >= TRIES_MAX:
            return False
        self.tries += 1
        if not any(finding.rule in rules for finding in self._run(scenario).wrong):
            return False
        self._told(scenario)
        return True

    def _fewer_faults(self, scenario: Scenario, rules: set[Any]) -> Scenario:
        def fails(faults: tuple[Any, ...]) -> bool:
            return self._fails(dataclasses.replace(scenario, faults=faults), rules)

        return dataclasses.replace(scenario, faults=fewest(scenario.faults, fails))

    def _fewer(self, what: str, scenario: Scenario, rules: set[Any]) -> Scenario:
        """Of the workflows, of the activity ids, or of what goes through the queue under limits."""

        def fails(numbers: tuple[int, ...]) -> bool:
            return self._fails(with_numbers(numbers), rules)

        def with_numbers(numbers: tuple[int, ...]) -> Scenario:
            changed: dict[str, Any] = {what: numbers}
            return dataclasses.replace(scenario, **changed)

        return with_numbers(fewest(getattr(scenario, what), fails))

    def _plainer(self, scenario: Scenario, rules: set[Any]) -> Scenario:
        for name, value in PLAIN.items():
            plainer = dataclasses.replace(scenario, **{name: value})
            if plainer != scenario and self._fails(plainer, rules):
                scenario = plainer
        return scenario


def fewest(items: tuple[T, ...], fails: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...]:
    """A part of `items` for which `fails` still holds, and does no longer when any one of them is left out: parts are
    left out whose size goes from half of all down to one."""
    size = max(1, len(items) // 2)
    while True:
        start, has_shrunk = 0, False
        while start < len(items):
            part = items[:start] + items[start + size :]
            if fails(part):
                items, has_shrunk = part, True
            else:
                start += size
        if size == 1 and not has_shrunk:
            return items
        size = max(1, size // 2)
