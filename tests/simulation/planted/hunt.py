"""The hunt for planted bugs: runs with one of them, seed after seed, until the auditor notices."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import NamedTuple

import pytest

from tests.simulation.planted.bug import SEEDS_MAX, PlantedBug
from tests.simulation.rules import Finding, Rule
from tests.simulation.simulating import simulate


class Catch(NamedTuple):
    """How a hunt ended. `seed` None: no rule of the bug was broken in any of the runs."""

    bug: PlantedBug
    runs: int
    seed: int | None
    findings: list[Finding]
    seconds: float

    @property
    def rules(self) -> Counter[Rule]:
        """How often each rule was broken, its own and others."""
        return Counter(finding.rule for finding in self.findings)


def hunt(bug: PlantedBug, *, first_seed: int = 0, runs_max: int = SEEDS_MAX) -> Catch:
    """Run seeds with the bug until one of its rules is broken. `first_seed` 0: the one that is known for the bug."""
    begin = time.perf_counter()
    first = first_seed or bug.seed
    with pytest.MonkeyPatch.context() as patch:
        bug.plant(patch)
        for seed in range(first, first + runs_max):
            wrong = simulate(seed).wrong
            if any(finding.rule in bug.rules for finding in wrong):
                return Catch(bug, seed - first + 1, seed, wrong, time.perf_counter() - begin)
    return Catch(bug, runs_max, None, [], time.perf_counter() - begin)


def hunt_all(
    bugs: Iterable[PlantedBug], *, first_seed: int = 0, runs_max: int = SEEDS_MAX, processes: int | None = None
) -> Iterator[Catch]:
    """Hunt for each of these bugs, on all cores; the catches come as they are made."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        hunts = [pool.submit(hunt, bug, first_seed=first_seed, runs_max=runs_max) for bug in bugs]
        for ended in as_completed(hunts):
            yield ended.result()
