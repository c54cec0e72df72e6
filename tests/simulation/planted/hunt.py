"""The hunt for planted bugs: runs with one of them, seed after seed, until the auditor notices."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from typing import NamedTuple

import pytest

from tests.simulation.planted.bug import SEEDS_MAX, PlantedBug
from tests.simulation.rules import Finding, Rule
from tests.simulation.scenario import draw_scenario
from tests.simulation.simulating import simulate_scenario


class Catch(NamedTuple):
    """How a hunt ended. `seed` None: no rule of the bug was broken in any of the runs. `seconds` are those of the
    processor."""

    bug: PlantedBug
    runs: int
    seed: int | None
    findings: list[Finding]
    seconds: float

    @property
    def rules(self) -> Counter[Rule]:
        """How often each rule was broken, its own and others."""
        return Counter(finding.rule for finding in self.findings)


def hunt(
    bug: PlantedBug, *, first_seed: int = 0, runs_max: int = SEEDS_MAX, sharpens: bool = False, proves: bool = False
) -> Catch:
    """Run seeds with the bug until one of its rules is broken.

    Args:
        first_seed: 0: the one that is known for the bug.
        sharpens: use scenarios in which the bug matters more often, instead of those that seeds stand for.
        proves: run each seed that is broken once more, without the bug: what is wrong then, too, counts for nothing.
    """
    begin_s = time.process_time()
    first = first_seed or bug.seed
    for seed in range(first, first + runs_max):
        scenario = draw_scenario(seed)
        if sharpens:
            scenario = bug.sharpen(scenario)
        with pytest.MonkeyPatch.context() as patch:
            bug.plant(patch)
            wrong = simulate_scenario(scenario).wrong
        told = {finding.rule for finding in wrong} & bug.rules
        if told and proves:
            told -= {finding.rule for finding in simulate_scenario(scenario).wrong}
        if told:
            return Catch(bug, seed - first + 1, seed, wrong, time.process_time() - begin_s)
    return Catch(bug, runs_max, None, [], time.process_time() - begin_s)


def hunt_all(
    bugs: Iterable[PlantedBug],
    *,
    first_seed: int = 0,
    runs_max: int = SEEDS_MAX,
    sharpens: bool = False,
    proves: bool = False,
    processes: int | None = None,
) -> Iterator[Catch]:
    """Hunt for each of these bugs, on all cores; the catches come as they are made."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        how = partial(hunt, first_seed=first_seed, runs_max=runs_max, sharpens=sharpens, proves=proves)
        hunts = [pool.submit(how, bug) for bug in bugs]
        for ended in as_completed(hunts):
            yield ended.result()
