"""The hunt for one planted bug: runs with it, seed after seed, until the auditor notices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.simulation.planted.bug import PlantedBug
from tests.simulation.rules import Finding, Rule
from tests.simulation.simulating import simulate


class Catch(NamedTuple):
    """How a hunt ended. `seed` None: no rule noticed in any of the runs."""

    runs: int
    seed: int | None
    findings: list[Finding]

    @property
    def rules(self) -> Counter[Rule]:
        """How often each rule was broken."""
        return Counter(finding.rule for finding in self.findings)


def hunt(bug: PlantedBug, seeds: Iterable[int]) -> Catch:
    """Run seeds with the bug until one of its rules is broken."""
    runs = 0
    with pytest.MonkeyPatch.context() as patch:
        bug.plant(patch)
        for seed in seeds:
            runs += 1
            wrong = simulate(seed).wrong
            if any(finding.rule in bug.rules for finding in wrong):
                return Catch(runs, seed, wrong)
    return Catch(runs, None, [])
