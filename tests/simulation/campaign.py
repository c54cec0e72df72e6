"""A campaign: many seeds, on all cores, and what they come to together."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from tests.simulation.faults.crash_points import POINTS, STEPS
from tests.simulation.rules import Finding, Rule
from tests.simulation.scenario import WORKFLOWS
from tests.simulation.simulating import simulate
from tests.simulation.verdict import Verdict

FAULTS_MIN = 5
"""Fewer faults in a run prove little."""

FULL_RUNS = 1_000
"""From so many runs on, whatever was never taken is a failure."""

_AHEAD = 4
"""Seeds that wait for each core."""


@dataclass
class Report:
    """What a campaign came to. Counters hold what was never taken with 0."""

    runs: int = 0
    seconds: float = 0.0
    virtual_seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(POINTS, 0)))
    calls: Counter[str] = field(default_factory=Counter)
    work: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    wrong: dict[int, list[Finding]] = field(default_factory=dict)

    def add(self, verdict: Verdict) -> None:
        self.runs += 1
        self.virtual_seconds += verdict.seconds
        for mine, its in (
            (self.faults, verdict.faults),
            (self.crashes, verdict.crashes),
            (self.calls, verdict.calls),
            (self.work, verdict.work),
            (self.rows, verdict.rows),
        ):
            for name, count in its.items():
                mine[name] += count
        wrong = list(verdict.wrong)
        if verdict.faults.total() < FAULTS_MIN:
            wrong.append(Finding(Rule.UNEXPECTED, f"only {verdict.faults.total()} faults were carried out"))
        if wrong:
            self.wrong[verdict.seed] = wrong

    @property
    def rows_missed(self) -> list[str]:
        """Rows of transition tables that no run has taken."""
        return sorted(row for row, count in self.rows.items() if not count)

    @property
    def points_missed(self) -> list[str]:
        """Crash points at which no engine has ended."""
        return [point for point in POINTS if not self.crashes[point]]

    @property
    def is_right(self) -> bool:
        has_missed = bool(self.rows_missed or self.points_missed)
        return not self.wrong and not (has_missed and self.runs >= FULL_RUNS)

    def as_json(self) -> dict[str, Any]:
        return {
            "runs": self.runs,
            "seconds": round(self.seconds, 1),
            "virtual_seconds": round(self.virtual_seconds),
            "wrong": {str(seed): [str(finding) for finding in found] for seed, found in sorted(self.wrong.items())},
            "work": dict(self.work),
            "faults": dict(self.faults),
            "calls": {str(name): count for name, count in self.calls.items()},
            "crashes": dict(self.crashes),
            "rows": dict(self.rows),
            "steps": list(STEPS),
            "rows_missed": self.rows_missed,
            "points_missed": self.points_missed,
        }


def run_campaign(
    seeds: Iterable[int],
    workflows: int = WORKFLOWS,
    *,
    processes: int = 0,
    done: Callable[[Verdict, float], None] = lambda verdict, seconds: None,
) -> Report:
    """Simulate every seed.

    Args:
        processes: 0: one a core.
        done: called with each verdict, and how long it took.
    """
    report = Report()
    begin = time.perf_counter()
    for verdict, seconds in _verdicts(iter(seeds), workflows, processes or os.cpu_count() or 1):
        report.add(verdict)
        done(verdict, seconds)
    report.seconds = time.perf_counter() - begin
    return report


def _verdicts(seeds: Iterator[int], workflows: int, processes: int) -> Iterator[tuple[Verdict, float]]:
    if processes == 1:
        for seed in seeds:
            yield _timed(seed, workflows)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        waiting: dict[Future[tuple[Verdict, float]], None] = {}
        while True:
            for seed in islice(seeds, processes * _AHEAD - len(waiting)):
                waiting[pool.submit(_timed, seed, workflows)] = None
            if not waiting:
                return
            finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                del waiting[future]
                yield future.result()


def _timed(seed: int, workflows: int) -> tuple[Verdict, float]:
    begin = time.perf_counter()
    verdict = simulate(seed, workflows)
    return verdict, time.perf_counter() - begin
